// The lines are read back with the expressions of the tools that read them, and with this project's own reader.
#include "rows/step_lines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>

#include "import/log_line.h"

namespace perfbench {
namespace {

LoggedStep eleventh_step() {
  return {.step = 11,
          .num_steps = 50,
          .end_utc = std::chrono::system_clock::time_point(std::chrono::seconds(1767225600)),  // 2026-01-01
          .seconds = 1.25,
          .model_tflops_per_gpu = 400.5,
          .loss = 10.9,
          .grad_norm = 1.234,
          .learning_rate = 1e-3,
          .gbs = 128,
          .peak_bytes = 2'000'000'000};
}

std::string first_match(const std::string& line, const char* expression) {
  std::smatch match;
  return std::regex_search(line, match, std::regex(expression)) ? match[1].str() : "no match";
}

TEST(StepLines, Nemo) {
  EXPECT_EQ(nemo_line(eleventh_step()),
            "Training epoch 0, iteration 10/49 | lr: 0.001 | global_batch_size: 128 | global_step: 10 | "
            "max_memory_reserved: 2000000000 | reduced_train_loss: 10.9 | grad_norm: 1.234 | train_step_timing in s: "
            "1.250 | TFLOPS_per_GPU: 400.5 | consumed_samples: 1408");
}

TEST(StepLines, MegatronForReadersOfItsLogs) {
  const std::string line = megatron_line(eleventh_step());
  EXPECT_TRUE(line.starts_with(" [2026-01-01 00:00:00.000000] iteration       11/      50 | consumed samples:"));
  EXPECT_TRUE(line.ends_with(" |"));
  EXPECT_EQ(first_match(line, R"(iteration\s+(\d+)\s*/\s*\d+)"), "11");
  EXPECT_EQ(first_match(line, R"(elapsed time per iteration \(ms\): ([\d.]+))"), "1250.0");
  EXPECT_EQ(first_match(line, R"(throughput per GPU \(TFLOP/s/GPU\): ([\d.]+))"), "400.5");
  EXPECT_EQ(first_match(line, R"(lm loss: (\S+))"), "1.090000E+01");
  EXPECT_EQ(first_match(line, R"(grad norm: (\S+))"), "1.234");
  EXPECT_EQ(first_match(line, R"(mem-max-allocated-gigabytes: (\S+))"), "2");
  EXPECT_EQ(first_match(line, R"(number of nan iterations:\s+(\d+))"), "0");
}

// Readers of Megatron-Bridge's logs take the number before the unit, which Megatron-LM's own line has behind it.
TEST(StepLines, BridgeHasTheNumberBeforeTheUnit) {
  const std::string line = bridge_line(eleventh_step());
  EXPECT_EQ(first_match(line, R"(([\d.]+)\s*MODEL_TFLOP/s/GPU)"), "400.5");
  EXPECT_EQ(first_match(line, R"(Step Time : ([\d.]+)s)"), "1.250");
  EXPECT_EQ(first_match(megatron_line(eleventh_step()), R"(([\d.]+)\s*(?:MODEL_)?TFLOP/s/GPU)"), "no match");
}

TEST(StepLines, BrokenLossIsNan) {
  LoggedStep step = eleventh_step();
  step.loss = std::numeric_limits<double>::infinity();
  step.grad_norm = std::nan("");
  const std::string line = megatron_line(step);
  EXPECT_EQ(first_match(line, R"(lm loss: (\S+))"), "nan");
  EXPECT_EQ(first_match(line, R"(grad norm: (\S+))"), "nan");
  EXPECT_EQ(first_match(line, R"(number of nan iterations:\s+(\d+))"), "1");
}

TEST(StepLines, LeaveUnknownTflopsOut) {
  LoggedStep step = eleventh_step();
  step.model_tflops_per_gpu.reset();
  EXPECT_EQ(bridge_line(step), "");
  for (const StepLogFormat format : {StepLogFormat::nemo, StepLogFormat::megatron})
    EXPECT_EQ(step_lines(format, step).find("FLOP"), std::string::npos);
}

// A small model on a CPU: "1e-05" would be read as 1 by an expression for digits and dots.
TEST(StepLines, SmallNumbersHaveNoExponent) {
  LoggedStep step = eleventh_step();
  step.seconds = 0.00012342;
  step.model_tflops_per_gpu = 0.000098762;
  EXPECT_EQ(bridge_line(step), "Step Time : 0.0001234s GPU utilization: 0.00009876MODEL_TFLOP/s/GPU");
}

TEST(StepLines, OfEachFormat) {
  const LoggedStep step = eleventh_step();
  EXPECT_EQ(step_lines(StepLogFormat::none, step), "");
  EXPECT_EQ(step_lines(StepLogFormat::nemo, step), nemo_line(step) + "\n");
  EXPECT_EQ(step_lines(StepLogFormat::megatron, step), bridge_line(step) + "\n" + megatron_line(step) + "\n");
}

TEST(StepLines, AreReadBack) {
  const LoggedStep step = eleventh_step();
  for (const std::string& line : {nemo_line(step), megatron_line(step)}) {
    const std::vector<LogRecord> records = log_records(line, 1);
    ASSERT_EQ(records.size(), 1u) << line;
    EXPECT_EQ(records[0].iteration, 11);
    EXPECT_EQ(records[0].planned, 50);
    EXPECT_EQ(records[0].step_time_s, 1.25);
    EXPECT_EQ(records[0].tflops_per_gpu, 400.5);
    EXPECT_EQ(records[0].loss, 10.9);
    EXPECT_EQ(records[0].grad_norm, 1.234);
    EXPECT_EQ(records[0].gbs, 128);
  }
}

}  // namespace
}  // namespace perfbench
