#include <algorithm>

#include "base/text.h"
#include "rows/published.h"
#include "spec/catalog.h"

namespace perfbench {
namespace {

bool same_model(const PublishedRow& row, const ModelSpec& model) {
  const std::string printed = canonical_name(row.model);
  if (printed == canonical_name(model.name)) return true;
  return std::any_of(model.aliases.begin(), model.aliases.end(),
                     [&](const std::string& alias) { return printed == canonical_name(alias); });
}

bool same_fsdp(const PublishedRow& row, const ParallelLayout& layout) {
  const std::int64_t printed = row.fsdp.value_or(0);
  if (!row.fsdp_is_size) return (printed != 0) == layout.fsdp;
  const std::int64_t ranks = layout.fsdp ? layout.dp : 1;
  return std::max<std::int64_t>(printed, 1) == ranks;
}

bool same_sizes(const PublishedRow& row, const Job& job) {
  const ParallelLayout& layout = job.layout;
  return row.num_gpus == job.num_gpus && row.gbs == job.gbs && row.mbs == job.mbs && row.seq_len == job.seq_len &&
         row.lbs.value_or(job.lbs) == job.lbs && row.tp.value_or(1) == layout.tp && row.pp.value_or(1) == layout.pp &&
         row.cp.value_or(1) == layout.cp && row.vp.value_or(1) == layout.vp && row.ep.value_or(1) == layout.ep;
}

bool same_job(const PublishedRow& row, const Job& job) {
  return row.system == job.system.name && row.task == job.task && row.precision == job.precision &&
         same_sizes(row, job) && same_fsdp(row, job.layout) && same_model(row, job.model);
}

bool same_result(const PublishedRow& a, const PublishedRow& b) {
  return a.step_time_s == b.step_time_s && a.tokens_per_s_per_gpu == b.tokens_per_s_per_gpu &&
         a.model_tflops_per_gpu == b.model_tflops_per_gpu;
}

}  // namespace

PublishedMatch match_published(const Job& job, std::span<const PublishedRow> rows) {
  std::vector<PublishedRow> matches;
  for (const PublishedRow& row : rows)
    if (row.has_result() && same_job(row, job)) matches.push_back(row);
  const auto of_stack = [&](const PublishedRow& row) { return row.stack == job.stack.name; };
  if (std::any_of(matches.begin(), matches.end(), of_stack))
    std::erase_if(matches, [&](const PublishedRow& row) { return !of_stack(row); });
  if (matches.empty()) return {};
  const auto agrees = [&](const PublishedRow& row) { return same_result(row, matches.front()); };
  if (std::all_of(matches.begin(), matches.end(), agrees)) return {matches.front(), ""};
  std::vector<std::string> ids;
  ids.reserve(matches.size());
  for (const PublishedRow& row : matches) ids.push_back(row.row + " (" + row.source + ")");
  return {std::nullopt, "published rows " + join(ids, ", ") + " all match and differ in their results; none is taken"};
}

void set_published(Row& row, const Job& job, std::span<const PublishedRow> rows) {
  PublishedMatch match = match_published(job, rows);
  if (!match.note.empty()) row.notes.push_back(match.note);
  row.published = std::move(match.row);
  row.ratio_to_published.reset();
  if (row.published && row.published->tokens_per_s_per_gpu && row.tokens_per_s_per_gpu)
    row.ratio_to_published = *row.tokens_per_s_per_gpu / *row.published->tokens_per_s_per_gpu;
}

}  // namespace perfbench
