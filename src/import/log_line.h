// One line of a training log: what it says of one iteration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

enum class LogKind { megatron, bridge, nemo, torchtitan };

constexpr std::string_view name(LogKind kind) {
  switch (kind) {
    case LogKind::megatron:
      return "Megatron-LM";
    case LogKind::bridge:
      return "Megatron-Bridge";
    case LogKind::nemo:
      return "NeMo";
    case LogKind::torchtitan:
      return "torchtitan";
  }
  return "?";
}

struct LogRecord {
  LogKind kind = LogKind::megatron;
  int line = 0;                               // of the file, from 1
  std::optional<std::int64_t> rank{};         // of a label before the line: "[rank3]:", "[default3]:", "3:"
  std::int64_t iteration = 0;                 // from 1; 0: the line doesn't say (Megatron-Bridge's extra line)
  std::optional<std::int64_t> planned{};      // iterations of the whole run
  std::optional<double> step_time_s{};        // of one global step
  std::optional<double> tokens_per_s{};       // of one GPU
  std::optional<double> tflops_per_gpu{};     // by the convention of what printed it
  std::optional<double> loss{}, grad_norm{};  // may be NaN
  std::optional<std::int64_t> gbs{};
  bool nan_iteration = false;  // Megatron counted one
};

// Every record of one line: lines of several ranks can run into each other. Colours are ignored. Forms:
//   Megatron-LM      iteration 5/ 50 | ... elapsed time per iteration (ms): 1234.5 | ... lm loss: 1.09E+01 | ...
//   Megatron-Bridge  Step Time : 18.47s GPU utilization: 399.6MODEL_TFLOP/s/GPU
//   NeMo             Training epoch 0, iteration 10/99 | ... global_step: 10 | ... train_step_timing in s: 46.84 | ...
//   torchtitan       step: 10  loss: 8.1  grad_norm: 1.2  memory: 40.00GiB(50.1%)  tps: 6,667  tflops: 386.00
std::vector<LogRecord> log_records(std::string_view line, int number);

}  // namespace perfbench
