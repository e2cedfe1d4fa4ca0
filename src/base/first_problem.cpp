#include "base/first_problem.h"

#include <fmt/format.h>

namespace perfbench {

std::string first_and_more(std::string_view first, std::size_t problems) {
  return problems > 1 ? fmt::format("{} (and {} more)", first, problems - 1) : std::string(first);
}

}  // namespace perfbench
