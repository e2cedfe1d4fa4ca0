// The sampler on a clock of its own, and what readings amount to.
#include "engine/gpu/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "engine/gpu/clock_reasons.h"
#include "engine/gpu/telemetry_summary.h"
#include "engine/gpu/throttling.h"
#include "unit/support/hang.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kHour = 3600.0;

// A clock that goes on by a second whenever somebody looks.
std::function<double()> counting_clock() {
  return [now = std::make_shared<std::atomic<int>>(0)] { return static_cast<double>((*now)++); };
}

TEST(TelemetrySampler, TheFirstReadingIsTakenAtOnce) {
  std::promise<void> read;
  TelemetrySampler sampler(
      [&] {
        read.set_value();
        return std::vector<GpuReading>{{.sm_clock_mhz = 1980.0}};
      },
      kHour, counting_clock());
  read.get_future().wait();
  const std::vector<TelemetrySample> samples = sampler.stop();  // does not wait for the hour to pass
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].seconds, 1.0);  // of the clock that said 0 at the start
  EXPECT_EQ(samples[0].gpus.at(0).sm_clock_mhz, 1980.0);
  EXPECT_THAT(sampler.stop(), IsEmpty());
}

// NVML may hang with the GPU that it reads.
TEST(TelemetrySampler, AReadingThatHangsIsLeftBehind) {
  Hang hang;
  std::promise<void> second;
  int readings = 0;
  TelemetrySampler sampler(
      [&] {
        if (++readings == 2) {
          second.set_value();
          hang.here();
        }
        return std::vector<GpuReading>(1);
      },
      0.0, counting_clock(), 0.01);
  second.get_future().wait();
  EXPECT_EQ(sampler.stop().size(), 1u);
  EXPECT_EQ(num_threads_left_behind(), 1);
}

TEST(TelemetrySampler, ReadsOnUntilItIsStopped) {
  std::promise<void> third;
  int readings = 0;
  TelemetrySampler sampler(
      [&] {
        if (++readings == 3) third.set_value();
        return std::vector<GpuReading>(2);
      },
      0.0, counting_clock());
  third.get_future().wait();
  const std::vector<TelemetrySample> samples = sampler.stop();
  EXPECT_GE(samples.size(), 3u);
  EXPECT_EQ(samples.size(), static_cast<std::size_t>(readings));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].seconds, 1.0 + static_cast<double>(i));
    EXPECT_EQ(samples[i].gpus.size(), 2u);
  }
}

TEST(TelemetrySampler, IsStoppedByItsEnd) {
  std::atomic<int> readings = 0;
  {
    const TelemetrySampler sampler(
        [&] {
          ++readings;
          return std::vector<GpuReading>{};
        },
        kHour);
    EXPECT_GE(sampler.seconds(), 0.0);
  }
  EXPECT_EQ(readings, 1);
}

GpuReading reading(double clock, double watts, std::uint64_t reasons, std::vector<std::int64_t> pids) {
  return {.sm_clock_mhz = clock,
          .power_w = watts,
          .temperature_c = 40.0 + clock / 100.0,
          .clock_reasons = reasons,
          .memory_used_bytes = static_cast<std::int64_t>(watts),
          .process_ids = std::move(pids),
          .absent = {}};
}

TEST(TelemetrySummary, OfTheReadingsOfTheWindow) {
  const std::vector<TelemetrySample> samples = {
      {.seconds = 0.5, .gpus = {reading(345, 70, 0x1 | 0x8, {7, 8, 9})}},  // warm-up: nothing of it counts
      {.seconds = 1.0, .gpus = {reading(1980, 600, 0x0, {7})}},
      {.seconds = 1.5, .gpus = {reading(1700, 700, 0x4, {7, 8})}},
      {.seconds = 2.0, .gpus = {reading(1800, 698, 0x4 | 0x20, {7})}},
      {.seconds = 2.5, .gpus = {reading(1900, 690, 0x2, {7})}}};
  const std::vector<GpuSummary> summaries = summarize(samples, 1.0, 7);
  ASSERT_EQ(summaries.size(), 1u);
  const GpuSummary& summary = summaries[0];
  EXPECT_EQ(summary.num_readings, 4u);
  EXPECT_EQ(summary.sm_clock_min_mhz, 1700);
  EXPECT_EQ(summary.sm_clock_median_mhz, 1850);
  EXPECT_EQ(summary.sm_clock_max_mhz, 1980);
  EXPECT_EQ(summary.power_mean_w, 672);
  EXPECT_EQ(summary.power_max_w, 700);
  EXPECT_EQ(summary.temperature_max_c, 59.8);
  EXPECT_EQ(summary.memory_used_max_bytes, 700);
  EXPECT_EQ(summary.power_capped_share, 0.5);
  EXPECT_EQ(summary.throttled_share, 0.25);
  ASSERT_EQ(summary.throttle_reasons.size(), 1u);
  EXPECT_EQ(summary.throttle_reasons[0].name, "sw_thermal");
  EXPECT_EQ(summary.throttle_reasons[0].share, 0.25);
  EXPECT_EQ(summary.num_other_processes, 1u);
}

TEST(TelemetrySummary, IdleAndChosenClocksAreNoThrottling) {
  const std::vector<TelemetrySample> samples = {{.seconds = 0.0, .gpus = {reading(345, 70, 0x1 | 0x2 | 0x100, {})}}};
  const GpuSummary summary = summarize(samples, 0.0, 7).at(0);
  EXPECT_EQ(summary.throttled_share, 0.0);
  EXPECT_THAT(summary.throttle_reasons, IsEmpty());
  EXPECT_EQ(summary.num_other_processes, 0u);
}

TEST(TelemetrySummary, EveryReasonHasItsBitAndName) {
  EXPECT_THAT(clock_reason_names(0x1fc), ElementsAre("sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal",
                                                     "hw_thermal", "hw_power_brake", "display_clock"));
  EXPECT_THAT(clock_reason_names(0x403), ElementsAre("gpu_idle", "applications_clocks_setting", "unknown"));
}

TEST(TelemetrySummary, ThrottlingIsHeatAFaultOrALoweredLimitAndNotTheLimitItself) {
  const auto of_bits = [](std::uint64_t bits, std::optional<bool> lowered) {
    return *throttle_reasons({.clock_reasons = bits, .power_limit_lowered = lowered});
  };
  EXPECT_THAT(of_bits(0x4, false), IsEmpty());
  EXPECT_THAT(of_bits(0x4, std::nullopt), IsEmpty());  // an old driver does not tell its limits
  EXPECT_THAT(of_bits(0x4, true), ElementsAre("lowered_power_limit"));
  EXPECT_THAT(of_bits(0x0, true), IsEmpty());  // lowered, and not reached
  EXPECT_THAT(of_bits(~std::uint64_t{0}, true), ElementsAre("hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal",
                                                            "hw_power_brake", "lowered_power_limit"));
  EXPECT_EQ(of_bits(~std::uint64_t{0}, true), throttle_reason_names());
  EXPECT_EQ(throttle_reasons({}), std::nullopt);
}

TEST(TelemetrySummary, APowerLimitIsLoweredBelowTheOneItWasSoldWith) {
  const auto lowered = [](std::optional<double> now, std::optional<double> sold) {
    return GpuLimits{.power_limit_w = now, .default_power_limit_w = sold}.power_limit_lowered();
  };
  EXPECT_EQ(lowered(500, 700), true);
  EXPECT_EQ(lowered(700, 700), false);
  EXPECT_EQ(lowered(std::nullopt, 700), std::nullopt);
  EXPECT_EQ(lowered(500, std::nullopt), std::nullopt);
}

TEST(TelemetrySummary, WhatNoReadingHasIsUnset) {
  const GpuSummary summary =
      summarize(std::vector{TelemetrySample{.seconds = 0.0, .gpus = {GpuReading{}}}}, 0.0, 7).at(0);
  EXPECT_EQ(summary.num_readings, 1u);
  EXPECT_EQ(summary.sm_clock_median_mhz, std::nullopt);
  EXPECT_EQ(summary.power_mean_w, std::nullopt);
  EXPECT_EQ(summary.throttled_share, std::nullopt);
  EXPECT_EQ(summary.num_other_processes, std::nullopt);
}

TEST(TelemetrySummary, InAnotherPidNamespaceOneProcessIsTheOwn) {
  const std::vector<TelemetrySample> samples = {
      {.seconds = 0.0, .gpus = {reading(1, 1, 0, {50001}), reading(1, 1, 0, {50001, 3})}}};
  EXPECT_EQ(summarize(samples, 0.0, 7).at(0).num_other_processes, 0u);
  EXPECT_EQ(summarize(samples, 0.0, 7).at(1).num_other_processes, 1u);
}

TEST(TelemetrySummary, AShortRunHasTheReadingsThatThereAre) {
  const std::vector<TelemetrySample> samples = {{.seconds = 0.0, .gpus = {reading(1980, 600, 0, {})}}};
  EXPECT_EQ(summarize(samples, 0.3, 7).at(0).num_readings, 1u);
  EXPECT_THAT(summarize({}, 0.0, 7), IsEmpty());
}

TEST(TelemetrySummary, CsvHasEveryReading) {
  const std::vector<TelemetrySample> samples = {
      {.seconds = 0.1004, .gpus = {reading(1980, 699.5, 0x4 | 0x1, {7, 8}), GpuReading{}}},
      {.seconds = 0.2, .gpus = {reading(345, 70, 0, {})}}};
  EXPECT_EQ(telemetry_csv(samples, "0123456789ab"),
            "seconds,gpu,sm_clock_mhz,power_w,temperature_c,memory_used_bytes,clock_reasons,process_ids,run\n"
            "0.100,0,1980,699.5,59.8,699,gpu_idle sw_power_cap,7 8,0123456789ab\n"
            "0.100,1,,,,,,,0123456789ab\n"
            "0.200,0,345,70,43.45,70,none,,0123456789ab\n");
}

}  // namespace
}  // namespace perfbench
