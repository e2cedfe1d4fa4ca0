// The other type of the name.
namespace perfbench {

struct Planted {
  double seconds = 0;
};

double seconds_of(const Planted& planted) { return planted.seconds; }

}  // namespace perfbench
