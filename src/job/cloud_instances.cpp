#include "job/cloud_instances.h"

#include <algorithm>
#include <array>

namespace perfbench {
namespace {

struct Instance {
  std::string_view family, system;
};

constexpr std::array kInstances{
    Instance{"p4d", "a100_40gb"}, Instance{"p4de", "a100"},       Instance{"p5", "h100"},
    Instance{"p5e", "h200"},      Instance{"p5en", "h200"},       Instance{"p6-b200", "b200"},
    Instance{"p6-b300", "b300"},  Instance{"p6e-gb200", "gb200"}, Instance{"p6e-gb300", "gb300"},
    Instance{"g6e", "l40s"},
};

}  // namespace

std::string_view system_of_instance(std::string_view family) {
  const auto found = std::ranges::find(kInstances, family, &Instance::family);
  return found == kInstances.end() ? "" : found->system;
}

}  // namespace perfbench
