#include "program/print.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "program/infer.h"
#include "program/liveness.h"
#include "program/operands.h"

namespace perfbench {
namespace {

std::string bytes_text(std::int64_t bytes) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  if (bytes < kMiB) return fmt::format("{} bytes", bytes);
  if (bytes < 1024 * kMiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.3f} GiB", static_cast<double>(bytes) / kGiB);
}

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {
    std::map<std::pair<int, std::string_view>, int> count;
    for (const Value& value : program.values) {
      const int n = value.role == Role::state ? 0 : ++count[{value.layer, value.name}];
      names_.push_back(n > 1 ? fmt::format("{}.{}", value.name, n) : value.name);
    }
  }

  std::string phase(const std::vector<Node>& nodes, const char* title, bool with_saved) {
    std::string text = fmt::format("{}:\n", title);
    const std::vector<Section> sections = sections_of(nodes);
    for (std::size_t i = 0; i < sections.size();) {
      std::size_t equal = i + 1;
      while (equal < sections.size() && sections[i].layer >= 0 && sections[equal].layer >= 0 &&
             sections[equal].body == sections[i].body) {
        ++equal;
      }
      text += heading(sections, i, equal) + sections[i].body;
      if (with_saved && sections[i].layer >= 0) text += saved(sections[i].layer);
      i = equal;
    }
    return text;
  }

 private:
  struct Section {
    int layer;
    std::string body;
  };

  std::vector<Section> sections_of(const std::vector<Node>& nodes) const {
    std::vector<Section> sections;
    for (const Node& node : nodes) {
      if (sections.empty() || sections.back().layer != node.layer) sections.push_back({node.layer, ""});
      sections.back().body += line(node);
    }
    return sections;
  }

  static std::string heading(const std::vector<Section>& sections, std::size_t first, std::size_t end) {
    const int layer = sections[first].layer;
    if (layer < 0) return "";
    if (end - first == 1) return fmt::format("  layer {}\n", layer);
    return fmt::format("  layer {} ({} more like it, to layer {})\n", layer, end - first - 1, sections[end - 1].layer);
  }

  std::string saved(int layer) const {
    std::int64_t bytes = 0;
    std::string names;
    for (ValueId id : saved_values(program_)) {
      const Value& value = program_[id];
      if (value.layer != layer) continue;
      bytes += value.type.bytes();
      names += fmt::format("{}{}", names.empty() ? "" : ", ", names_[static_cast<std::size_t>(id)]);
    }
    return fmt::format("    # saved for the backward: {} ({})\n", bytes_text(bytes), names);
  }

  // The name relative to `layer`: values of the layer before or after it are marked, equal names of a layer are
  // numbered.
  std::string operand(ValueId id, int layer) const {
    const Value& value = program_[id];
    const std::string& name = names_[static_cast<std::size_t>(id)];
    switch (value.state) {
      case StateKind::none:
        break;
      case StateKind::weight:
        return "$" + name;
      case StateKind::cast:
        return fmt::format("${}.fp8", name);
      case StateKind::cast_transposed:
        return fmt::format("${}.fp8_t", name);
      case StateKind::cast_scale:
        return fmt::format("${}.fp8_scale", name);
      case StateKind::gathered:
        return fmt::format("${}.whole", name);
      case StateKind::main_grad:
        return fmt::format("${}.grad", name);
    }
    if (value.layer == layer || value.role == Role::boundary || value.role == Role::data) return name;
    if (value.layer < 0) return "outside." + name;
    if (layer >= 0 && value.layer == layer - 1) return "previous." + name;
    if (layer >= 0 && value.layer == layer + 1) return "next." + name;
    return fmt::format("layer{}.{}", value.layer, name);
  }

  std::string typed(ValueId id, int layer) const {
    return fmt::format("{}: {}", operand(id, layer), to_string(program_.type(id)));
  }

  // Lists of states are counted, not spelled out.
  static std::string list(const std::vector<std::string>& items) {
    if (items.size() > 4) return fmt::format("{}, ... {} in all", items.front(), items.size());
    return all(items);
  }
  static std::string all(const std::vector<std::string>& items) { return fmt::format("{}", fmt::join(items, ", ")); }

  std::string line(const Node& node) const {
    std::vector<std::string> outs, ins, updates;
    for (const Operand& o : collect(node.op)) {
      if (o.use == Use::out) outs.push_back(typed(o.id, node.layer));
      if (o.use == Use::in) ins.push_back(operand(o.id, node.layer));
      if (o.use == Use::inout) updates.push_back(operand(o.id, node.layer));
    }
    const bool of_unit = takes_list(node.op);
    std::string text = outs.empty() ? "" : (of_unit ? list(outs) : all(outs)) + " = ";
    text += fmt::format("{}({})", name(node.op), of_unit ? list(ins) : all(ins));
    if (!updates.empty()) text += " +=> " + list(updates);
    if (const Lane lane = lane_of(node.op); lane != Lane::compute) text += fmt::format("  @{}", name(lane));
    if (node.after != kNoValue) text += fmt::format("  [after {}]", operand(node.after, node.layer));
    if (node.recomputed) text += "  [recomputed]";
    if (node.when == When::first_microbatch) text += "  [first microbatch]";
    if (node.when == When::last_microbatch) text += "  [last microbatch]";
    return "    " + text + "\n";
  }

  const Program& program_;
  std::vector<std::string> names_;  // by value id
};

}  // namespace

std::string print_program(const Program& program, const std::string& title) {
  Printer printer(program);
  const Liveness live = liveness(program);
  std::string text = fmt::format("{}\n", title);
  text += printer.phase(program.forward, "forward", true);
  text += printer.phase(program.backward, "backward", false);
  text += printer.phase(program.optimizer, "optimizer, once per global step", false);
  text += fmt::format("a microbatch saves {}; forward peak {}, backward peak {}\n", bytes_text(live.saved_bytes),
                      bytes_text(live.forward_peak_bytes), bytes_text(live.backward_peak_bytes));
  return text;
}

}  // namespace perfbench
