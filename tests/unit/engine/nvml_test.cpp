// NVML by a library whose answers are known (fake_nvml.cpp), and without one.
#include "engine/gpu/nvml.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "engine/gpu/gpu_watch.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Nvml, ReadsWhatTheLibrarySays) {
  const Nvml nvml(PERFBENCH_FAKE_NVML);
  EXPECT_EQ(nvml.part().version, "driver 580.95.05") << nvml.part().missing;
  EXPECT_EQ(nvml.num_gpus(), 2);
  const auto gpu = nvml.by_index(0);
  ASSERT_TRUE(gpu);
  const GpuReading reading = nvml.read(*gpu);
  EXPECT_EQ(reading.sm_clock_mhz, 1755);
  EXPECT_EQ(reading.power_w, 698.5);  // the library counts milliwatts
  EXPECT_EQ(reading.temperature_c, 61);
  EXPECT_EQ(reading.clock_reasons, 0x24u);
  EXPECT_EQ(reading.memory_used_bytes, std::int64_t{40} << 30);
  EXPECT_THAT(*reading.process_ids, ElementsAre(4242));
  EXPECT_THAT(reading.absent, IsEmpty());
}

TEST(Nvml, WhatIsMissingIsAbsentAndSaysWhy) {
  const Nvml nvml(PERFBENCH_FAKE_NVML);
  const auto gpu = nvml.by_pci_bus_id("0000:5d:00.0");
  ASSERT_TRUE(gpu);
  const GpuReading reading = nvml.read(*gpu);
  EXPECT_EQ(reading.temperature_c, std::nullopt);
  EXPECT_THAT(reading.absent, ElementsAre("nvmlDeviceGetTemperature: Not Supported"));
  EXPECT_EQ(reading.sm_clock_mhz, 345);
  EXPECT_EQ(reading.process_ids->size(), 70u);  // asked again with more room
  const GpuLimits limits = nvml.limits(*gpu);
  EXPECT_EQ(limits.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(limits.sm_clock_max_mhz, 1980);
  EXPECT_EQ(limits.memory_bytes, std::int64_t{80} << 30);
  EXPECT_EQ(limits.power_limit_w, std::nullopt);
  EXPECT_EQ(limits.default_power_limit_w, 700);
  EXPECT_EQ(limits.power_limit_lowered(), std::nullopt);
  EXPECT_THAT(limits.absent, ElementsAre(HasSubstr("nvmlDeviceGetEnforcedPowerLimit: this driver's library")));
}

TEST(Nvml, AGpuThatIsNotThereIsNone) {
  const Nvml nvml(PERFBENCH_FAKE_NVML);
  EXPECT_FALSE(nvml.by_index(2));
  EXPECT_FALSE(nvml.by_pci_bus_id("0000:ff:00.0"));
}

TEST(Nvml, WithoutTheLibraryNothingIsThere) {
  const Nvml nvml("libnvidia-ml-of-nobody.so.1");
  EXPECT_FALSE(nvml.part().present());
  EXPECT_THAT(nvml.part().missing, HasSubstr("libnvidia-ml-of-nobody.so.1"));
  EXPECT_EQ(nvml.num_gpus(), 0);
  EXPECT_FALSE(nvml.by_index(0));
  EXPECT_EQ(nvml.read({}).sm_clock_mhz, std::nullopt);
}

TEST(Nvml, ADriverThatIsNotLoadedIsSaid) {
  setenv("FAKE_NVML_INIT", "9", 1);
  const Nvml nvml(PERFBENCH_FAKE_NVML);
  unsetenv("FAKE_NVML_INIT");
  EXPECT_FALSE(nvml.part().present());
  EXPECT_THAT(nvml.part().missing, HasSubstr("nvmlInit_v2: Driver Not Loaded"));
}

// CUDA's first GPU need not be NVML's.
TEST(GpuWatch, ReadsTheGpusThatAreAskedForInTheirOrder) {
  const GpuWatch watch = watch_gpus(std::vector<std::string>{"0000:5d:00.0", "0000:1b:00.0"}, PERFBENCH_FAKE_NVML);
  ASSERT_TRUE(watch.read) << watch.missing;
  const std::vector<GpuReading> readings = watch.read();
  ASSERT_EQ(readings.size(), 2u);
  EXPECT_EQ(readings[0].sm_clock_mhz, 345);
  EXPECT_EQ(readings[1].sm_clock_mhz, 1755);
}

TEST(GpuWatch, SaysWhyNothingCanBeRead) {
  EXPECT_EQ(watch_gpus(std::vector<std::string>{"0000:ff:00.0"}, PERFBENCH_FAKE_NVML).missing,
            "NVML knows no GPU at PCI address \"0000:ff:00.0\"");
  const GpuWatch none = watch_gpus({}, "libnvidia-ml-of-nobody.so.1");
  EXPECT_FALSE(none.read);
  EXPECT_THAT(none.missing, HasSubstr("libnvidia-ml-of-nobody.so.1"));
}

TEST(Nvml, ShutsDownOnceForEachStart) {
  void* library = dlopen(PERFBENCH_FAKE_NVML, RTLD_NOW);
  ASSERT_NE(library, nullptr);
  const auto initialized = reinterpret_cast<int (*)()>(dlsym(library, "fake_nvml_initialized"));
  const int before = initialized();
  {
    Nvml first(PERFBENCH_FAKE_NVML);
    const Nvml moved = std::move(first);
    EXPECT_EQ(initialized(), before + 1);
  }
  EXPECT_EQ(initialized(), before);
}

}  // namespace
}  // namespace perfbench
