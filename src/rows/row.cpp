#include "rows/row.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

#include "base/text.h"
#include "base/units.h"
#include "cost/model_flops.h"
#include "rows/asked_fields.h"

namespace perfbench {
namespace {

ModelFlops flops_of(const Job& job) {
  return model_flops(job.model, job.task, job.seq_len, job.stack.flops_convention);
}

void set_peak(Row& row, const Job& job) {
  if (const auto peak = job.system.peak_flops_per_s(job.precision)) {
    row.peak_tflops = *peak / kTera;
  } else {
    row.notes.push_back(job.system.has_data_sheet() ? "mfu is null: the data sheet of " + job.system.name +
                                                          " gives no dense peak for " + std::string(name(job.precision))
                                                    : "mfu is null: system " + job.system.name + " has no data sheet");
  }
}

void set_convention(Row& row, const Job& job) {
  const ModelFlops flops = flops_of(job);
  if (flops.has_form()) {
    row.flops_convention = name(job.stack.flops_convention);
  } else {
    row.notes.push_back("model_tflops_per_gpu and mfu are null: " + flops.missing);
  }
}

struct Figure {
  std::string_view name;  // of the metric
  std::optional<double> Row::*value;
};

constexpr std::array kFigures{Figure{"step_time_s", &Row::step_time_s},
                              Figure{"samples_per_s", &Row::samples_per_s},
                              Figure{"tokens_per_s_per_gpu", &Row::tokens_per_s_per_gpu},
                              Figure{"model_tflops_per_gpu", &Row::model_tflops_per_gpu},
                              Figure{"mfu", &Row::mfu},
                              Figure{"peak_memory_gib", &Row::peak_memory_gib},
                              Figure{"predicted_peak_memory_gib", &Row::predicted_peak_memory_gib}};

// A time, a rate or a memory that is not finite and above 0 is no result, whatever it came from.
void require_figures(Row& row) {
  for (const auto& [name, value] : kFigures) {
    const std::optional<double> figure = row.*value;
    if (!figure || (std::isfinite(*figure) && *figure > 0.0)) continue;
    (row.*value).reset();
    set_failed(row, std::string(name),
               fmt::format("{} came out as {}, which is no result: it must be finite and above 0", name,
                           format_double(*figure)));
    return;
  }
}

}  // namespace

Row row_of(const Job& job) {
  Row row{.origins = job.origins, .notes = job.notes};
  set_asked(row, job);
  set_peak(row, job);
  set_convention(row, job);
  return row;
}

Row unsupported_row(const Request& request, const Unsupported& problem) {
  Row row{.status = Status::unsupported,
          .feature = problem.feature(),
          .reason = problem.what(),
          .origins = request.origins};
  set_asked(row, request);
  return row;
}

void set_unsupported(Row& row, const Unsupported& problem) {
  row.status = Status::unsupported;
  row.feature = problem.feature();
  row.reason = problem.what();
}

void set_failed(Row& row, std::string feature, std::string reason) {
  row.status = Status::failed;
  row.feature = std::move(feature);
  row.reason = std::move(reason);
  row.step_time_s.reset();
  row.step_time_low_s.reset();
  row.step_time_high_s.reset();
  row.tokens_per_s_per_gpu.reset();
  row.samples_per_s.reset();
  row.model_tflops_per_gpu.reset();
  row.mfu.reset();
}

void set_step_time(Row& row, const Job& job, double step_time_s) {
  const double samples = static_cast<double>(job.gbs);
  const double tokens = samples * static_cast<double>(job.seq_len);
  row.step_time_s = step_time_s;
  row.samples_per_s = samples / step_time_s;
  row.tokens_per_s_per_gpu = tokens / step_time_s / job.num_gpus;
  row.model_tflops_per_gpu.reset();
  row.mfu.reset();
  const ModelFlops flops = flops_of(job);
  if (flops.has_form()) row.model_tflops_per_gpu = flops.per_token() * *row.tokens_per_s_per_gpu / kTera;
  if (row.model_tflops_per_gpu && row.peak_tflops) row.mfu = *row.model_tflops_per_gpu / *row.peak_tflops;
  require_figures(row);
}

void set_peak_memory(Row& row, double bytes) {
  row.peak_memory_gib = bytes / kGiB;
  require_figures(row);
}

}  // namespace perfbench
