#include "runners/row_telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runners/gpu_state.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

GpuSummary summary(double clock, double power, double temperature) {
  GpuSummary gpu;
  gpu.num_readings = 200;
  gpu.sm_clock_median_mhz = clock;
  gpu.power_mean_w = power;
  gpu.temperature_max_c = temperature;
  gpu.throttled_share = 0.0;
  gpu.num_other_processes = 0;
  return gpu;
}

TEST(RowTelemetry, TheSlowestGpuTheMeanPowerTheHottest) {
  Row row;
  set_telemetry(row, std::vector{summary(1980, 600, 55), summary(1755, 700, 64)});
  EXPECT_EQ(row.throttled, false);
  EXPECT_EQ(row.sm_clock_mhz, 1755);
  EXPECT_EQ(row.power_w, 650);
  EXPECT_EQ(row.temperature_c, 64);
  EXPECT_THAT(row.notes, IsEmpty());
}

TEST(RowTelemetry, AThrottledRowSaysSoWithReasonsAndShares) {
  std::vector gpus{summary(1980, 600, 55), summary(1755, 700, 64)};
  gpus[1].throttled_share = 0.25;
  gpus[1].throttle_reasons = {{"sw_thermal", 0.25}, {"hw_thermal", 0.05}};
  gpus[0].num_other_processes = 2;
  Row row;
  set_telemetry(row, gpus);
  EXPECT_EQ(row.throttled, true);
  EXPECT_THAT(row.notes, ElementsAre("throttled, clocks were held back: GPU 1 in 25 % of 200 readings (sw_thermal "
                                     "25 %, hw_thermal 5 %)",
                                     "other processes computed on the GPUs: GPU 0 with 2 of them"));
}

TEST(RowTelemetry, APowerCapIsAMarkOfItsOwn) {
  std::vector gpus{summary(1980, 600, 55), summary(1605, 700, 64)};
  gpus[1].power_capped_share = 0.8;
  Row row;
  set_telemetry(row, gpus);
  EXPECT_EQ(row.throttled, false);
  EXPECT_THAT(row.notes, ElementsAre("power-capped, the GPUs drew all that their limit grants: GPU 1 in 80 % of 200 "
                                     "readings, median SM clock 1605 MHz"));
}

TEST(RowTelemetry, ManyGpusAreCounted) {
  std::vector<GpuSummary> gpus(6, summary(1755, 700, 64));
  for (GpuSummary& gpu : gpus) gpu.num_other_processes = 1;
  Row row;
  set_telemetry(row, gpus);
  EXPECT_THAT(row.notes,
              ElementsAre("other processes computed on the GPUs: GPU 0 with 1 of them; GPU 1 with 1 of them; "
                          "GPU 2 with 1 of them; GPU 3 with 1 of them; 2 more"));
}

TEST(RowTelemetry, WhatIsNotKnownStaysUnset) {
  Row row;
  set_telemetry(row, std::vector{GpuSummary{}});
  EXPECT_EQ(row, Row{});
}

TEST(GpuState, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(state_text({}), "GPU");
  GpuState gpu{.limits = {.name = "NVIDIA H200", .sm_clock_max_mhz = 1980.0}};
  gpu.reading.sm_clock_mhz = 345;
  gpu.reading.clock_reasons = 0;
  gpu.reading.absent = {"nvmlDeviceGetPowerUsage: Not Supported"};
  EXPECT_EQ(state_text(gpu),
            "NVIDIA H200, SM clock 345 of 1980 MHz (not known: nvmlDeviceGetPowerUsage: Not Supported)");
}

}  // namespace
}  // namespace perfbench
