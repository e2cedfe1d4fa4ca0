#include "job/job_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "job/config_table.h"
#include "job/request_fields.h"

namespace perfbench {

std::string multiples_near(std::int64_t value, std::int64_t step) {
  const std::int64_t below = value / step * step;
  return below == 0 ? std::to_string(step) : fmt::format("{} or {}", below, below + step);
}

std::string divisors_text(std::int64_t number) {
  std::vector<std::string> divisors;
  for (std::int64_t d = 1; d <= std::min<std::int64_t>(number, 64); ++d) {
    if (number % d == 0) divisors.push_back(std::to_string(d));
  }
  return join(divisors, ", ");
}

std::string place_of(const Request& request, std::initializer_list<std::string_view> fields) {
  std::string_view chosen;
  for (std::string_view field : fields) {
    if (from_flag(request, field)) {
      chosen = field;
      break;
    }
    if (chosen.empty() && !field_text(request, field).empty()) chosen = field;
  }
  if (chosen.empty()) chosen = *fields.begin();
  const std::string text = field_text(request, chosen), origin = origin_of(request, chosen);
  if (const std::string flag = flag_of(request, chosen); !flag.empty()) return flag + " " + text;
  const std::string value = std::string(column_of(chosen)) + (text.empty() ? "" : "=" + text);
  return origin.empty() ? value : origin + ": " + value;
}

std::vector<Problem> broken_rules(const JobDraft& draft) {
  std::vector<Problem> problems;
  for (std::span<const JobRule> rules : {layout_rules(), model_rules(), expert_rules(), tuning_rules(), memory_rules(),
                                         sharding_rules(), size_rules()}) {
    for (JobRule rule : rules) {
      if (BrokenRule broken = rule(draft)) problems.push_back(std::move(*broken));
    }
  }
  return problems;
}

std::vector<std::string> notes_of(const JobDraft& draft) {
  const Job& j = draft.job;
  std::vector<std::string> notes;
  if (j.model.vocab % j.layout.tp != 0) {
    notes.push_back(
        fmt::format("the vocabulary {} is no multiple of tp {}; the stack pads it", j.model.vocab, j.layout.tp));
  }
  if (j.model.max_positions > 0 && j.seq_len > j.model.max_positions) {
    notes.push_back(fmt::format("seq_len {} is over the {} positions that {} was made for", j.seq_len,
                                j.model.max_positions, j.model.name));
  }
  if (j.layout.tp == 1 && from_flag(draft.request, "sequence_parallel") && j.stack.sequence_parallel) {
    notes.emplace_back("sequence parallelism is off at tp 1, where it has nothing to split");
  }
  if (!is_scaled(j.precision) && from_flag(draft.request, "fp8_recipe")) {
    notes.push_back(fmt::format("the FP8 recipe is not used: the precision is {}", name(j.precision)));
  }
  if (const auto missing = j.system.missing(); !missing.empty() && j.system.has_data_sheet()) {
    notes.push_back(fmt::format("system {} has no sourced {}", j.system.name, join(missing, ", ")));
  }
  return notes;
}

}  // namespace perfbench
