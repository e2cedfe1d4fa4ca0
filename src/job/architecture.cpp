#include "job/architecture.h"

namespace perfbench {

std::string_view name(Architecture architecture) {
  switch (architecture) {
    case Architecture::ampere:
      return "ampere";
    case Architecture::ada:
      return "ada";
    case Architecture::hopper:
      return "hopper";
    case Architecture::blackwell:
      return "blackwell";
    case Architecture::blackwell_ultra:
      return "blackwell_ultra";
  }
  return "?";
}

std::optional<Architecture> parse_architecture(std::string_view word) {
  for (const Architecture architecture : kArchitectures) {
    if (word == name(architecture)) return architecture;
  }
  return std::nullopt;
}

}  // namespace perfbench
