#include "import/import_summary.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace perfbench {

bool is_automodel_summary(std::string_view text) {
  return trim(text.substr(0, 64)).starts_with('{') && text.find("\"avg_iter_time_seconds\"") != std::string_view::npos;
}

RunLog automodel_summary(std::string_view text, const std::string& file) {
  const Json json = parse_json(text, file);
  JsonFields fields(json, file);
  RunLog log{.format = "NeMo AutoModel"};
  const double mean = fields.number("avg_iter_time_seconds");
  if (mean <= 0.0) fields.problem("avg_iter_time_seconds", "must be positive");
  log.mean_step_time_s = mean;
  log.gbs = fields.optional_integer("global_batch_size");
  log.num_gpus = fields.optional_integer("world_size");
  log.seq_len = fields.optional_integer("seq_len");
  const auto warmup = fields.optional_integer("warmup_steps"), total = fields.optional_integer("total_steps");
  fields.finish(true);
  if (warmup && total && *total > *warmup)
    log.mean_window =
        "steps " + std::to_string(*warmup + 1) + "-" + std::to_string(*total) + " of " + std::to_string(*total);
  return log;
}

}  // namespace perfbench
