// A result row: what was asked, what came out, and where both came from.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "job/job.h"
#include "job/request.h"
#include "job/terms.h"
#include "rows/published_row.h"

namespace perfbench {

enum class Method { measured, slice, simulated, published };  // how the numbers were got
// timeout: a rank hung; interrupted: a signal ended the run. Both keep the samples of the steps before.
enum class Status { ok, oom, unsupported, failed, timeout, interrupted };
inline constexpr std::array kStatuses{Status::ok,     Status::oom,     Status::unsupported,
                                      Status::failed, Status::timeout, Status::interrupted};

constexpr std::string_view name(Method method) {
  switch (method) {
    case Method::measured:
      return "measured";
    case Method::slice:
      return "slice";
    case Method::simulated:
      return "simulated";
    case Method::published:
      return "published";
  }
  return "?";
}

constexpr std::string_view name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::oom:
      return "oom";
    case Status::unsupported:
      return "unsupported";
    case Status::failed:
      return "failed";
    case Status::timeout:
      return "timeout";
    case Status::interrupted:
      return "interrupted";
  }
  return "?";
}

// Whether the run was broken off before it said anything about the job: such a row is compared with none.
constexpr bool is_broken_off(Status status) { return status == Status::timeout || status == Status::interrupted; }

// The category that is no part of a sum: all that the device's allocator had given out, the other categories included.
inline constexpr std::string_view kAllocatedMemory = "allocated";

// Peak memory of one category on one pipeline stage.
struct StageMemory {
  int stage = 0;
  std::string category;  // "parameters", "activations", ...; kAllocatedMemory
  double gib = 0.0;
  bool operator==(const StageMemory&) const = default;
};

// The smallest change with which a job that does not fit its GPU fits, and what it costs.
struct FitsWith {
  std::string flags;                    // "--recompute_layers 4"
  double peak_memory_gib = 0.0;         // then
  std::optional<double> step_time_s{};  // then; null where it cannot be predicted
  bool operator==(const FitsWith&) const = default;
};

// The version of the columns: raised when one is added, taken away or changes its meaning. Rows of two versions are not
// compared.
constexpr std::int64_t kRowSchema = 7;

// docs/metrics.md defines the values; the names there are the names here. A count of 0 and an empty text mean "not
// known".
struct Row {
  std::int64_t schema_version = kRowSchema;
  Method method = Method::simulated;
  Status status = Status::ok;

  std::string model{}, system{};
  Task task = Task::pretrain;
  Precision precision = Precision::bf16;
  std::string stack{};
  std::int64_t num_gpus = 0, gbs = 0, mbs = 0, lbs = 0, seq_len = 0;
  std::int64_t tp = 0, pp = 0, cp = 0, vp = 0, ep = 0, etp = 0, dp = 0;
  bool fsdp = false;
  std::int64_t fsdp_size = 0;  // this and the next: of a job that shards parameters
  std::optional<bool> fsdp_reshard{}, defer_grad_sync{};
  std::optional<bool> sequence_parallel{};
  std::string param_dtype{}, grad_dtype{}, optimizer_state_dtype{};
  std::int64_t ga = 0;
  bool cuda_graphs = false, packed = false;
  std::string recompute{};
  std::optional<std::int64_t> recompute_layers{}, offload_layers{};  // of each chunk; of the model
  std::vector<std::string> recompute_modules{};
  std::int64_t lora_rank = 0;  // this and the next: of task lora
  std::optional<double> lora_alpha{};
  std::vector<std::string> lora_targets{};
  std::string moe_gate{}, moe_dispatcher{};                // these and the next: of a model with experts
  std::optional<double> moe_capacity{}, gate_imbalance{};  // a capacity of 0: no token is dropped
  std::optional<bool> ep_overlap{};
  std::vector<std::string> cuda_graph_modules{};

  std::optional<double> step_time_s{};
  std::optional<double> step_time_low_s{}, step_time_high_s{};  // of a simulated row: the likely range
  std::optional<double> measured_s{}, modelled_s{};             // the parts of step_time_s, where kernels were measured
  std::optional<double> tokens_per_s_per_gpu{};
  std::optional<double> samples_per_s{};
  std::optional<double> model_tflops_per_gpu{};
  std::string flops_convention{};
  std::optional<double> mfu{};  // share of peak_tflops, 0 to 1
  std::optional<double> peak_tflops{};
  std::optional<double> peak_memory_gib{};
  std::optional<double> memory_headroom_gib{};        // of a simulated row: the GPU's memory less the peak
  std::optional<double> predicted_peak_memory_gib{};  // of a measured row: what the plan says
  std::optional<double> step_time_mad_s{};            // of samples_s around their median, not scaled
  std::optional<double> step_time_cv{};               // standard deviation / mean of samples_s
  std::optional<double> rank_spread{};                // slowest rank's median step time / fastest rank's
  std::string window{};                               // the steps that were timed: "steps 11-30 of 30"
  std::optional<bool> loss_ok{};  // of a measured row: finite in every step; else its times mean nothing

  std::optional<bool> throttled{};  // of a row measured on GPUs: something held their clocks back
  std::optional<double> sm_clock_mhz{}, power_w{}, temperature_c{};  // of it: median, mean, most

  std::vector<double> samples_s{};                          // measured times of the steps of the window, in order
  std::vector<double> repeats_s{};                          // step_time_s of every repeat, in order; of one run empty
  std::vector<std::pair<std::string, double>> breakdown{};  // part of the step, seconds; the sum is step_time_s
  std::vector<StageMemory> memory{};
  std::vector<StageMemory> predicted_memory{};  // of a measured row
  std::string feature{};  // status unsupported: what is missing; oom: the stage or category that does not fit
  std::string reason{};   // why the status is not ok, one sentence
  std::optional<FitsWith> fits_with{};  // of a simulated row that is oom

  std::optional<PublishedRow> published{};       // the published row that did exactly this work
  std::optional<double> ratio_to_published{};    // of tokens_per_s_per_gpu
  std::map<std::string, std::string> origins{};  // value name -> where it came from
  std::vector<std::string> notes{};
  std::string row_choice{};  // which row of the configuration table was taken, and why
  std::string run{};         // the id of the run that wrote it: the files of one result have one; harness/run_id.h

  bool operator==(const Row&) const = default;
};

// A row of what the job asks, with its peak and its FLOP convention, and no result yet. Where either is missing, a note
// says why.
Row row_of(const Job& job);

// A row of a request that could not become a Job.
Row unsupported_row(const Request& request, const Unsupported& problem);

// The status of a row whose job nothing here can carry out, with its feature and reason.
void set_unsupported(Row& row, const Unsupported& problem);

// The status of a row without a result: its step time and what follows from it go.
void set_failed(Row& row, std::string feature, std::string reason);

// Sets step_time_s, that of one global step, and what follows from it: tokens_per_s_per_gpu, samples_per_s, and, where
// row_of() found the means, model_tflops_per_gpu and mfu. Where one of them is not finite and above 0, the row is
// failed, with that figure as its feature.
void set_step_time(Row& row, const Job& job, double step_time_s);

// Sets peak_memory_gib; what is not finite and above 0 fails the row, as above.
void set_peak_memory(Row& row, double bytes);

}  // namespace perfbench
