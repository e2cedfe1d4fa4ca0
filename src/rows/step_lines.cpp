#include "rows/step_lines.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace perfbench {
namespace {

// Megatron's numbers: "1.093750E+01"; "nan" where there is none.
std::string scientific(double value) { return std::isfinite(value) ? fmt::format("{:.6E}", value) : "nan"; }
std::string fixed(double value) { return std::isfinite(value) ? fmt::format("{:.3f}", value) : "nan"; }

// Four digits, never as 1e-05, which readers of logs would cut: "399.6", "0.1431".
std::string plain(double value) {
  const double magnitude = value > 0.0 && std::isfinite(value) ? std::floor(std::log10(value)) : 0.0;
  return fmt::format("{:.{}f}", value, std::clamp(3 - static_cast<int>(magnitude), 1, 9));
}

std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}", fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), micros);
}

}  // namespace

std::string nemo_line(const LoggedStep& s) {
  std::string line =
      fmt::format("Training epoch 0, iteration {}/{} | lr: {:.4g} | global_batch_size: {} | global_step: {}",
                  s.step - 1, s.num_steps - 1, s.learning_rate, s.gbs, s.step - 1);
  line += fmt::format(" | max_memory_reserved: {} | reduced_train_loss: {:.7g} | grad_norm: {:.5g}", s.peak_bytes,
                      s.loss, s.grad_norm);
  line += fmt::format(" | train_step_timing in s: {}", plain(s.seconds));
  if (s.model_tflops_per_gpu) line += fmt::format(" | TFLOPS_per_GPU: {}", plain(*s.model_tflops_per_gpu));
  return line + fmt::format(" | consumed_samples: {}", s.step * s.gbs);
}

std::string megatron_line(const LoggedStep& s) {
  std::string line =
      fmt::format(" [{}] iteration {:8}/{:8} | consumed samples: {:12} | elapsed time per iteration (ms): {:.1f} |",
                  timestamp(s.end_utc), s.step, s.num_steps, s.step * s.gbs, 1e3 * s.seconds);
  if (s.model_tflops_per_gpu)
    line += fmt::format(" throughput per GPU (TFLOP/s/GPU): {} |", plain(*s.model_tflops_per_gpu));
  line += fmt::format(" learning rate: {} | global batch size: {:5} | lm loss: {} | loss scale: 1.0 |",
                      scientific(s.learning_rate), s.gbs, scientific(s.loss));
  const bool nan = !std::isfinite(s.loss) || !std::isfinite(s.grad_norm);
  line += fmt::format(" grad norm: {} | number of skipped iterations: {:3} | number of nan iterations: {:3} |",
                      fixed(s.grad_norm), 0, nan ? 1 : 0);
  return line + fmt::format(" mem-max-allocated-gigabytes: {:.4g} |", static_cast<double>(s.peak_bytes) / kGiga);
}

std::string bridge_line(const LoggedStep& s) {
  if (!s.model_tflops_per_gpu) return "";
  return fmt::format("Step Time : {}s GPU utilization: {}MODEL_TFLOP/s/GPU", plain(s.seconds),
                     plain(*s.model_tflops_per_gpu));
}

std::string step_lines(StepLogFormat format, const LoggedStep& step) {
  switch (format) {
    case StepLogFormat::none:
      return "";
    case StepLogFormat::nemo:
      return nemo_line(step) + "\n";
    case StepLogFormat::megatron: {
      const std::string bridge = bridge_line(step);
      return (bridge.empty() ? "" : bridge + "\n") + megatron_line(step) + "\n";
    }
  }
  return "";
}

}  // namespace perfbench
