#include "engine/torch/initial_weights.h"

#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

// The chain of ATen calls that a device runs gives the bits of the plain loop.
TEST(InitialWeights, OnADeviceAreThoseOfTheHost) {
  for (const char* name : {"model.layers.3.mlp.up_proj.weight", "x.lora_A.weight", "x.lora_B.weight"}) {
    const std::vector<std::int64_t> shape = {37, 1031};
    std::vector<float> host = initial_weights(name, shape, 5);
    const at::Tensor made = follow(initial_law(name, shape, 5), 37 * 1031, at::kCPU);
    EXPECT_TRUE(made.equal(at::from_blob(host.data(), {37 * 1031}))) << name;
  }
}

TEST(InitialWeights, NormsAreOneAndBiasesZero) {
  EXPECT_TRUE(initial_weights_on(at::kCPU, "norm.weight", {8}, 1).eq(1.0).all().item<bool>());
  EXPECT_TRUE(follow(initial_law("norm.weight", {8}, 1), 8, at::kCPU).eq(1.0).all().item<bool>());
  EXPECT_TRUE(follow(initial_law("q_proj.bias", {8}, 1), 8, at::kCPU).eq(0.0).all().item<bool>());
}

}  // namespace
}  // namespace perfbench
