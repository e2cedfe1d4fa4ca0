// What a library refuses may be done by another kernel; what the device says is wrong is wrong for every kernel.
#include "engine/torch/refusal.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

constexpr c10::SourceLocation kHere{"refuse", "refusal_test.cpp", 1};

const auto settled = [] {};

TEST(Refusal, WhatIsDoneIsNone) {
  int settles = 0;
  EXPECT_EQ(refusal_of([] {}, [&] { ++settles; }), std::nullopt);
  EXPECT_EQ(settles, 0) << "nobody waits for the device where nothing was refused";
}

TEST(Refusal, ALibraryWithoutAKernelSaysWhy) {
  const auto refuse = [] { throw c10::Error(kHere, "No valid execution plans"); };
  EXPECT_EQ(refusal_of(refuse, settled), "No valid execution plans");
}

TEST(Refusal, AnErrorOfTheDeviceIsNone) {
  const auto fault = [] { throw c10::AcceleratorError(kHere, 700, "an illegal memory access was encountered"); };
  EXPECT_THROW(refusal_of(fault, settled), c10::AcceleratorError);
}

TEST(Refusal, RunningOutOfMemoryIsNone) {
  const auto full = [] { throw c10::OutOfMemoryError(kHere, "CUDA out of memory"); };
  EXPECT_THROW(refusal_of(full, settled), c10::OutOfMemoryError);
}

// A fault of an earlier kernel makes the library say that it cannot; waiting for the device brings the fault to light.
TEST(Refusal, AFaultOfEarlierWorkIsNotTakenForOne) {
  const auto refuse = [] { throw c10::Error(kHere, "CUDNN_STATUS_EXECUTION_FAILED"); };
  const auto fault = [] { throw c10::AcceleratorError(kHere, 700, "an illegal memory access was encountered"); };
  EXPECT_THROW(refusal_of(refuse, fault), c10::AcceleratorError);
}

TEST(Refusal, WaitingForACpuIsNothing) { EXPECT_NO_THROW(waits_for(c10::kCPU)()); }

}  // namespace
}  // namespace perfbench
