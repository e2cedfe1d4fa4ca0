#include "program/value.h"

#include <fmt/format.h>

namespace perfbench {

std::string to_string(const ValueType& type) {
  std::string text = fmt::format("{}[", name(type.dtype));
  for (int dim = 0; dim < type.shape.rank; ++dim) text += fmt::format("{}{}", dim ? "," : "", type.shape[dim]);
  text += "]";
  std::string placement;
  for (Axis axis : kAxes) {
    const Placement& p = type.placement[axis];
    if (p.is_replicated()) continue;
    if (!placement.empty()) placement += " ";
    placement += p.is_partial() ? fmt::format("{}:partial", name(axis))
                                : fmt::format("{}:{}{}", name(axis), p.dim, p.uneven ? "~" : "");
  }
  return placement.empty() ? text : text + "{" + placement + "}";
}

}  // namespace perfbench
