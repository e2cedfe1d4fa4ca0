// Built only where the engine library is: what it answers on whatever machine this is.
#include <gtest/gtest.h>

#include "engine/engine.h"

namespace perfbench {
namespace {

TEST(RealEngine, IsOfThisVersionAndLibTorchComputes) {
  const EngineReport report = engine_report(PERFBENCH_ENGINE_LIBRARY);
  EXPECT_EQ(report.engine.version, PERFBENCH_VERSION) << report.engine.missing;
  EXPECT_EQ(report.libtorch.version, "2.11.0") << report.libtorch.missing;
}

TEST(RealEngine, EveryPartIsThereOrSaysWhatIsMissing) {
  const EngineReport report = engine_report(PERFBENCH_ENGINE_LIBRARY);
  for (const EnginePart* part : {&report.cuda, &report.nccl}) EXPECT_NE(part->present(), !part->missing.empty());
  EXPECT_TRUE(report.cuda.present() || report.devices.empty());
  for (const CudaDevice& device : report.devices) {
    EXPECT_FALSE(device.name.empty());
    EXPECT_GT(device.memory_bytes, 0);
    EXPECT_GT(device.compute_major, 0);
  }
}

TEST(RealEngine, AnswersTheSameTwice) {
  const EngineReport first = engine_report(PERFBENCH_ENGINE_LIBRARY);
  const EngineReport second = engine_report(PERFBENCH_ENGINE_LIBRARY);
  EXPECT_EQ(first.libtorch.version, second.libtorch.version);
  EXPECT_EQ(first.devices.size(), second.devices.size());
}

}  // namespace
}  // namespace perfbench
