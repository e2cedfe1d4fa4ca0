#include "rows/published_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/units.h"
#include "cost/model_flops.h"
#include "job/resolve.h"
#include "rows/published.h"

namespace perfbench {
namespace {

bool has_name(const ModelSpec& model, std::string_view name) {
  const std::string wanted = canonical_name(name);
  const auto is_it = [&](const std::string& other) { return canonical_name(other) == wanted; };
  return is_it(model.name) || std::ranges::any_of(model.aliases, is_it);
}

bool same_fsdp(const PublishedRow& row, const Job& job) {
  const ParallelLayout& layout = job.layout;
  if (!row.fsdp && job.stack.fsdp_always) return true;
  const std::int64_t printed = row.fsdp.value_or(0);
  if (!row.fsdp_is_size) return (printed != 0) == layout.fsdp;
  const std::int64_t ranks = layout.fsdp ? layout.dp : 1;
  return std::max<std::int64_t>(printed, 1) == ranks;
}

bool same_recompute(const PublishedRow& row, const Job& job) {
  if (row.recompute.empty()) return true;
  const int most = std::ranges::max(job.chunks, {}, &ChunkLayers::count).count;
  const bool some = job.recompute_layers > 0, parts = job.recompute_ops || !job.recompute_modules.empty();
  if (row.recompute == "selective") return parts && !some;
  if (row.recompute == "none") return !parts && !some;
  if (row.recompute == "some") return parts || some;
  return some && (job.recompute_layers >= most) == (row.recompute == "full");
}

// Whether the job has every value that the row prints; a size that is not printed is 1, fsdp is off unless the stack
// always shards. A microbatch that is not printed is the job's.
bool has_printed_values(const Job& job, const PublishedRow& row, const Catalog& catalog) {
  const ParallelLayout& layout = job.layout;
  return row.precision == job.precision && row.num_gpus == job.num_gpus && row.gbs == job.gbs &&
         row.mbs.value_or(job.mbs) == job.mbs && row.seq_len == job.seq_len && row.lbs.value_or(job.lbs) == job.lbs &&
         row.tp.value_or(1) == layout.tp && row.pp.value_or(1) == layout.pp && row.cp.value_or(1) == layout.cp &&
         row.vp.value_or(1) == layout.vp && row.ep.value_or(1) == layout.ep && same_fsdp(row, job) &&
         same_recompute(row, job) && (row.stack == job.stack.name || catalog.stack_name(row.stack) == job.stack.name);
}

std::optional<Job> job_of(const Request& request, const Catalog& catalog) {
  try {
    return make_job(request, catalog);
  } catch (const InputError&) {
    return std::nullopt;
  } catch (const Unsupported&) {
    return std::nullopt;
  }
}

struct Configured {
  Job job;
  std::string place;
};

// The config rows of the model and the task, as jobs.
std::vector<Configured> configured_jobs(const ModelSpec& model, Task task, const ConfigTable& table,
                                        const Catalog& catalog) {
  std::vector<Configured> jobs;
  for (const ConfigRow& row : table.rows) {
    if (row.request.task != task || !has_name(model, row.request.model.value_or(""))) continue;
    if (std::optional<Job> job = job_of(row.request, catalog))
      jobs.push_back({.job = std::move(*job), .place = fmt::format("{}:{}", table.file, row.line)});
  }
  return jobs;
}

// The job of the printed values and the stack's defaults.
std::optional<Job> printed_job(const PublishedRow& row, const Catalog& catalog) {
  Request request;
  request.model = row.model, request.system = row.system, request.task = row.task;
  if (!row.stack.empty()) request.stack = row.stack;
  if (row.precision) request.dtype = std::string(name(*row.precision));
  request.num_gpus = row.num_gpus, request.gbs = row.gbs, request.mbs = row.mbs, request.lbs = row.lbs;
  request.seq_len = row.seq_len, request.tp = row.tp, request.pp = row.pp, request.cp = row.cp;
  request.vp = row.vp, request.ep = row.ep;
  if (row.fsdp) request.fsdp = *row.fsdp > (row.fsdp_is_size ? 1 : 0);
  std::optional<Job> job = job_of(request, catalog);
  if (job && row.stack.empty()) job->stack.name = "not said";  // which no job agrees with
  return job;
}

std::optional<double> tokens_of(const PublishedRow& row, const Job& job, const std::vector<TableQuirk>& quirks) {
  if (row.tokens_per_s_per_gpu) return row.tokens_per_s_per_gpu;
  if (row.step_time_s)
    return static_cast<double>(job.gbs) * static_cast<double>(job.seq_len) / (*row.step_time_s * job.num_gpus);
  const TableFlops flops = flops_of_table(quirks, table_file(row), job.model.name, job.task, row.model);
  if (!flops.convention || !row.model_tflops_per_gpu) return std::nullopt;
  const auto per_token = model_flops_per_token(job.model, job.task, job.seq_len, *flops.convention, flops.quirks);
  return per_token ? std::optional(*row.model_tflops_per_gpu * kTera / *per_token) : std::nullopt;
}

}  // namespace

PublishedTables read_published_tables(const Catalog& catalog, const std::string& system) {
  const std::filesystem::path folder = catalog.folder() / "published";
  PublishedTables tables{
      .rows = read_published(folder, system), .configs = {}, .quirks = read_flops_quirks(folder / "flops_quirks.csv")};
  const std::filesystem::path configs = catalog.config_table(system);
  if (std::filesystem::exists(configs)) tables.configs = read_config_table(configs);
  return tables;
}

std::vector<PublishedRun> published_runs(const Job& job, const PublishedTables& tables, const Catalog& catalog) {
  const std::string wanted = canonical_name(job.model.name);  // a path to a model of the user's own may be such a name
  if (!catalog.has_model(wanted)) return {};
  return published_runs(catalog.model(wanted, wanted), job.task, tables, catalog);
}

std::vector<PublishedRun> published_runs(const ModelSpec& model, Task task, const PublishedTables& tables,
                                         const Catalog& catalog) {
  const std::vector<Configured> configured = configured_jobs(model, task, tables.configs, catalog);
  std::vector<PublishedRun> runs;
  for (const PublishedRow& row : tables.rows) {
    const bool is_kind = row.task == task && has_name(model, row.model);
    if (!is_kind || !row.has_result()) continue;
    const auto found = std::ranges::find_if(
        configured, [&](const Configured& config) { return has_printed_values(config.job, row, catalog); });
    if (found != configured.end()) {
      runs.push_back({.row = row, .job = found->job, .configured = found->place});
    } else if (std::optional<Job> printed = printed_job(row, catalog)) {
      runs.push_back({.row = row, .job = std::move(*printed)});
    } else {
      continue;
    }
    runs.back().tokens_per_s_per_gpu = tokens_of(row, runs.back().job, tables.quirks);
  }
  return runs;
}

}  // namespace perfbench
