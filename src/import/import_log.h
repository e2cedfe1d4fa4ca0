// A training log as step times: the last attempt of the run, its ranks paired by iteration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

// One iteration of the attempt that counts. A value that several ranks print is the first rank's.
struct LogIteration {
  std::int64_t iteration = 0;         // from 1
  std::vector<double> step_time_s{};  // by rank, in the order of RunLog::ranks; empty where none is printed
  std::optional<double> tokens_per_s_per_gpu{}, tflops_per_gpu{}, loss{}, grad_norm{};
  bool not_finite = false;  // some rank's loss or grad norm is NaN or infinite, or an iteration was counted as NaN
};

struct RunLog {
  std::string format{};                    // "Megatron-LM", "NeMo", ...
  std::vector<std::string> ranks{};        // "0", "1"; one "" where the lines have no labels
  std::vector<LogIteration> iterations{};  // ascending, each with a time or tokens/s of every rank
  std::int64_t interval = 1;               // iterations between two lines; each line is the mean of so many
  std::optional<std::int64_t> planned{};   // iterations of the whole run
  std::optional<std::int64_t> gbs{}, num_gpus{}, seq_len{};  // where the log says them
  std::optional<double> mean_step_time_s{};                  // NeMo AutoModel's summary: no single steps
  std::string mean_window{};                                 // of it: "steps 11-30 of 30"
  std::vector<std::string> notes{};  // attempts and copies left out, bytes replaced, iterations without a time
};

// Number of lines that tell an iteration of a run, or 1 for NeMo AutoModel's JSON summary.
std::size_t count_log_lines(std::string_view text);

// Lines of Megatron-LM, Megatron-Bridge, NeMo and torchtitan (log_line.h), or NeMo AutoModel's JSON summary. Bytes that
// are no UTF-8 are replaced. An iteration number that goes back starts a new attempt; only the last one counts, and the
// same attempt again is a copy. Throws InputError where no line tells a step time: what was recognised, and where.
RunLog import_log(std::string_view text, const std::string& file);

}  // namespace perfbench
