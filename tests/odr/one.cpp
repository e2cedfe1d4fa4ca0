// A type of a name that another unit has, too.
namespace perfbench {

struct Planted {
  int tokens = 0;
};

int tokens_of(const Planted& planted) { return planted.tokens; }

}  // namespace perfbench
