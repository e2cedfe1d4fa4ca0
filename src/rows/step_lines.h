// A log line of each training step in the forms that readers of others' logs know; log_line.h reads the same forms.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perfbench {

enum class StepLogFormat { none, nemo, megatron };

// "none", "nemo", "megatron".

// One global step.
struct LoggedStep {
  std::int64_t step = 0, num_steps = 0;             // from 1
  std::chrono::system_clock::time_point end_utc{};  // Megatron's line starts with it
  double seconds = 0.0;
  std::optional<double> model_tflops_per_gpu{};  // left out of the lines where it is not known
  double loss = 0.0, grad_norm = 0.0;
  double learning_rate = 0.0;
  std::int64_t gbs = 0;         // samples of a step
  std::int64_t peak_bytes = 0;  // of the fullest rank
};

// NeMo 2: "Training epoch 0, iteration 10/99 | lr: ... | train_step_timing in s: 46.84 | ...": counted from 0.
std::string nemo_line(const LoggedStep& step);
// Megatron-LM: " [2026-01-01 00:00:00.000000] iteration        5/      50 | consumed samples: ... |".
std::string megatron_line(const LoggedStep& step);
// Megatron-Bridge prints it beside Megatron-LM's line: "Step Time : 18.47s GPU utilization: 399.6MODEL_TFLOP/s/GPU".
// Its readers take TFLOP/s from there, since they want the number before the unit. Empty without TFLOP/s.
std::string bridge_line(const LoggedStep& step);

// The lines of one step, each with its end; for Megatron the Bridge's comes first. Empty for none.
std::string step_lines(StepLogFormat format, const LoggedStep& step);

}  // namespace perfbench
