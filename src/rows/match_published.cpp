#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rows/published_run.h"
#include "rows/work.h"

namespace perfbench {
namespace {

constexpr std::size_t kMostDifferences = 3;  // a row that differs in more is not near

bool same_result(const PublishedRow& a, const PublishedRow& b) {
  return a.step_time_s == b.step_time_s && a.tokens_per_s_per_gpu == b.tokens_per_s_per_gpu &&
         a.model_tflops_per_gpu == b.model_tflops_per_gpu;
}

std::string disagreement(const std::vector<const PublishedRun*>& matches) {
  std::vector<std::string> ids;
  ids.reserve(matches.size());
  for (const PublishedRun* run : matches) ids.push_back(run->row.row + " (" + run->row.source + ")");
  return "published rows " + join(ids, ", ") + " all match and differ in their results; none is taken";
}

std::string nearest_text(const PublishedRun& run, const std::vector<std::string>& differences) {
  const std::string configured = run.configured.empty() ? "" : ", configured in " + run.configured;
  return fmt::format("the nearest published row is {} ({}{}): {}", run.row.row, run.row.source, configured,
                     join(differences, "; "));
}

}  // namespace

PublishedMatch match_published(const Job& job, std::span<const PublishedRun> runs) {
  std::vector<const PublishedRun*> matches;
  const PublishedRun* nearest = nullptr;
  std::vector<std::string> fewest;
  const std::vector<WorkValue> asked = work_of(job);
  for (const PublishedRun& run : runs) {
    std::vector<std::string> differences = work_differences(work_of(run.job), asked);
    if (differences.empty()) matches.push_back(&run);
    if (nearest != nullptr && differences.size() >= fewest.size()) continue;
    nearest = &run;
    fewest = std::move(differences);
  }
  if (matches.empty()) {
    if (nearest == nullptr || fewest.size() > kMostDifferences) return {};
    return {.row = std::nullopt, .note = nearest_text(*nearest, fewest)};
  }
  const auto agrees = [&](const PublishedRun* run) { return same_result(run->row, matches.front()->row); };
  if (!std::ranges::all_of(matches, agrees)) return {.row = std::nullopt, .note = disagreement(matches)};
  return {.row = matches.front()->row, .tokens_per_s_per_gpu = matches.front()->tokens_per_s_per_gpu};
}

void set_published(Row& row, const Job& job, std::span<const PublishedRun> runs) {
  PublishedMatch match = match_published(job, runs);
  if (!match.note.empty()) row.notes.push_back(match.note);
  row.published = std::move(match.row);
  row.ratio_to_published.reset();
  if (match.tokens_per_s_per_gpu && row.tokens_per_s_per_gpu)
    row.ratio_to_published = *row.tokens_per_s_per_gpu / *match.tokens_per_s_per_gpu;
}

}  // namespace perfbench
