#include "cli/measure_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/flags_parse.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

CommandLine measuring(std::vector<std::string> args) {
  args.insert(args.begin(), {"--mode", "measure"});
  return parse_command_line(args);
}

MeasureSettings settings_of(std::vector<std::string> args) { return measure_settings(measuring(std::move(args))); }

template <typename Work>
std::string refusal(Work work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

Request applied(std::vector<std::string> args) {
  const CommandLine line = measuring(std::move(args));
  Request request = line.request;
  apply_measuring(line, request);
  return request;
}

TEST(MeasureSettings, Defaults) {
  const MeasureSettings settings = settings_of({});
  EXPECT_EQ(settings.device, Device::cuda);
  EXPECT_EQ(settings.steps, 30);
  EXPECT_EQ(settings.warmup, 10);
  EXPECT_EQ(settings.seed, 1u);
  EXPECT_EQ(settings.timeout_s, 60.0);
}

TEST(MeasureSettings, AnOpOfACpuMayTakeLonger) {
  EXPECT_EQ(settings_of({"--device", "cpu"}).timeout_s, 600.0);
  EXPECT_EQ(settings_of({"--device", "cpu", "--step_timeout_s", "5"}).timeout_s, 5.0);
  EXPECT_EQ(settings_of({"--step-timeout-s", "5"}).timeout_s, 5.0);
}

TEST(MeasureSettings, ASliceHasFewSteps) {
  const MeasureSettings settings = measure_settings(parse_command_line({"--mode", "slice"}));
  EXPECT_EQ(settings.steps, kSliceSteps);
  EXPECT_EQ(settings.warmup, kSliceSteps / 3);
  EXPECT_EQ(measure_settings(parse_command_line({"--mode", "slice", "--steps", "30"})).steps, 30);
}

// Kernels are those of the engine's own stack unless another is asked for.
TEST(MeasureSettings, ACalibrationIsOfTheEnginesStack) {
  const CommandLine line = parse_command_line({"calibrate", "--device", "cpu", "-o", "k.json"});
  Request request = line.request;
  apply_measuring(line, request);
  EXPECT_EQ(request.system, "cpu");
  EXPECT_EQ(request.stack, "perfbench");
  Request megatron = parse_command_line({"calibrate", "--stack", "megatron", "-o", "k.json"}).request;
  apply_measuring(line, megatron);
  EXPECT_EQ(megatron.stack, "megatron");
}

TEST(MeasureSettings, FewerStepsHaveAShorterWarmUp) {
  EXPECT_EQ(settings_of({"--steps", "6"}).warmup, 2);
  EXPECT_EQ(settings_of({"-ms", "50"}).steps, 50);
  EXPECT_EQ(settings_of({"-ms", "50"}).warmup, 10);
  EXPECT_EQ(settings_of({"--steps", "1"}).warmup, 0);
  EXPECT_EQ(settings_of({"--steps", "6", "--warmup", "0"}).warmup, 0);
}

TEST(MeasureSettings, RefusesNumbersThatLeaveNothing) {
  EXPECT_THAT(refusal([] { settings_of({"--steps", "6", "--warmup", "6"}); }), HasSubstr("6 of 6 steps leave none"));
  EXPECT_THAT(refusal([] { settings_of({"--steps", "6", "-ms", "7"}); }), HasSubstr("is 6, and --max_steps is 7"));
  EXPECT_THAT(refusal([] { settings_of({"--steps", "0"}); }), HasSubstr("must be at least 1"));
}

TEST(MeasureSettings, TheCpuIsADeviceAndASystem) {
  EXPECT_EQ(settings_of({"--gpu", "cpu"}).device, Device::cpu);
  EXPECT_EQ(applied({"--device", "cpu"}).system, "cpu");
  EXPECT_EQ(flag_of(applied({"--device", "cpu"}), "system"), "--device");
  EXPECT_EQ(applied({"--device", "cpu", "--gpu", "CPU"}).system, "cpu");
  EXPECT_THAT(refusal([] { applied({"--device", "cpu", "-g", "h100"}); }), HasSubstr("-g: is h100"));
  EXPECT_THAT(refusal([] { applied({"--device", "cuda", "-g", "cpu"}); }), HasSubstr("-g: is cpu"));
}

TEST(MeasureSettings, TheStackIsPerfbenchUnlessOneIsGiven) {
  EXPECT_EQ(applied({}).stack, "perfbench");
  EXPECT_EQ(applied({"--stack", "megatron"}).stack, "megatron");  // refused later, as a row
  Request simulated;
  apply_measuring(parse_command_line({}), simulated);
  EXPECT_EQ(simulated.stack, std::nullopt);
}

TEST(MeasureSettings, LinesOfStepsStayOutOfMachineReadableOutput) {
  EXPECT_EQ(step_log_format(measuring({}).options), StepLogFormat::nemo);
  EXPECT_EQ(step_log_format(measuring({"--json"}).options), StepLogFormat::none);
  EXPECT_EQ(step_log_format(measuring({"--json", "--log-format", "megatron"}).options), StepLogFormat::megatron);
  EXPECT_EQ(step_log_format(measuring({"--log_format", "none"}).options), StepLogFormat::none);
}

TEST(MeasureSettings, FlagsOfAMeasurementNeedOne) {
  for (const char* flag : {"--device", "--steps", "--warmup", "--seed", "--log-format"}) {
    const std::string value = std::string(flag) == "--device"       ? "cpu"
                              : std::string(flag) == "--log-format" ? "nemo"
                                                                    : "3";
    EXPECT_THAT(refusal([&] { parse_command_line({flag, value}); }), HasSubstr("--mode measure only")) << flag;
  }
  EXPECT_EQ(parse_command_line({"-ms", "100"}).launch.max_steps, 100);  // NeMo's, for a launcher
}

}  // namespace
}  // namespace perfbench
