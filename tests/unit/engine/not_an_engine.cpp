// A shared library without the functions of an engine.
extern "C" int something_else() { return 1; }
