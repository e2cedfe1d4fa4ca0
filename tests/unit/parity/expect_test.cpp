#include "parity/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "engine/weights/safetensors.h"
#include "parity/result.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr Tolerance kTolerance{"fp32", 1e-5, 1e-3, 1e-4, 1e-7, ""};

HostTensor tensor(std::string name, const std::vector<float>& values) {
  HostTensor made{.name = std::move(name),
                  .dtype = DType::f32,
                  .shape = {static_cast<std::int64_t>(values.size())},
                  .data = std::vector<std::byte>(values.size() * sizeof(float))};
  std::memcpy(made.data.data(), values.data(), made.data.size());
  return made;
}

StepReport step(double loss, double grad_norm) {
  StepReport report;
  report.loss = loss;
  report.grad_norm = grad_norm;
  return report;
}

Expected expecting(std::vector<HostTensor> gradients) {
  Expected expected;
  expected.file = "expect";
  expected.gradients = std::move(gradients);
  return expected;
}

TEST(VerifyExpect, EqualAgrees) {
  Expected expected = expecting({tensor("a", {3, 4}), tensor("b", {0, 0})});
  expected.loss = 2.0;
  const Comparison comparison = compare(expected, step(2.0, 5.0), {}, expected.gradients, kTolerance);
  EXPECT_TRUE(comparison.agrees());
  EXPECT_EQ(comparison.deviations.size(), 3U);
}

// |g| = 5 allows 5e-4 and 1e-7 of all gradients, 5e-7: a difference of 5.1e-4 is outside, 4.9e-4 inside.
TEST(VerifyExpect, AGradientIsComparedElementByElement) {
  const Expected expected = expecting({tensor("a", {3, 4}), tensor("b", {0, 0})});
  const auto agrees = [&](float first) {
    const std::vector<HostTensor> found = {tensor("a", {first, 4}), tensor("b", {0, 0})};
    return compare(expected, step(0, 0), {}, found, kTolerance).agrees();
  };
  EXPECT_TRUE(agrees(3.00049F));
  EXPECT_FALSE(agrees(3.00051F));
  const std::vector<HostTensor> swapped = {tensor("a", {4, 3}), tensor("b", {0, 0})};  // of the same norm
  EXPECT_FALSE(compare(expected, step(0, 0), {}, swapped, kTolerance).agrees());
}

// b's own norm allows nothing; all gradients together allow 5e-7.
TEST(VerifyExpect, AGradientOfNothingMayBeOffByAShareOfAll) {
  const Expected expected = expecting({tensor("a", {3, 4}), tensor("b", {0, 0})});
  const auto worst = [&](float off) {
    const std::vector<HostTensor> found = {tensor("a", {3, 4}), tensor("b", {off, 0})};
    return compare(expected, step(0, 0), {}, found, kTolerance).worst();
  };
  EXPECT_TRUE(worst(4.9e-7F).agrees());
  EXPECT_FALSE(worst(5.1e-7F).agrees());
  EXPECT_EQ(worst(5.1e-7F).what, "b");
}

TEST(VerifyExpect, LaterLossesHaveTheirOwnTolerance) {
  Expected expected;
  expected.losses = {1.0, 1.0};
  const auto agrees = [&](std::vector<double> losses) {
    return compare(expected, step(0, 0), losses, {}, kTolerance).agrees();
  };
  EXPECT_TRUE(agrees({1.0, 1.0009}));
  EXPECT_FALSE(agrees({1.0, 1.0011}));
  EXPECT_FALSE(agrees({1.0009, 1.0}));
}

TEST(VerifyExpect, NaNNeverAgreesAndIsTheWorst) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Expected expected = expecting({tensor("a", {1}), tensor("b", {1})});
  const std::vector<HostTensor> found = {tensor("a", {nan}), tensor("b", {9})};
  const Comparison comparison = compare(expected, step(0, 0), {}, found, kTolerance);
  EXPECT_FALSE(comparison.agrees());
  EXPECT_EQ(comparison.worst().what, "a");
}

TEST(VerifyExpect, ExpectedGradientsMustBeThoseOfTheModel) {
  const Expected expected = expecting({tensor("a", {1, 2}), tensor("stranger", {1})});
  const std::vector<HostTensor> parameters = {tensor("a", {1}), tensor("b", {1})};
  try {
    check_expected(expected, parameters, 0);
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a: has shape (2); the parameter has (1)"));
    EXPECT_THAT(error.what(), HasSubstr("has no gradient of b"));
    EXPECT_THAT(error.what(), HasSubstr("stranger: is no parameter of this model"));
  }
}

TEST(VerifyExpect, MoreLossesThanStepsAreRefused) {
  Expected expected;
  expected.losses = {1.0, 2.0};
  EXPECT_NO_THROW(check_expected(expected, {}, 2));
  EXPECT_THROW(check_expected(expected, {}, 1), InputError);
}

// 0x3f80 is 1, 0xc040 is -3 (sign, 8 bits of exponent, 7 of fraction).
TEST(VerifyExpect, BF16IsReadByItsBits) {
  HostTensor bf16{.name = "a", .dtype = DType::bf16, .shape = {2}, .data = {}};
  for (const int byte : {0x80, 0x3f, 0x40, 0xc0}) bf16.data.push_back(static_cast<std::byte>(byte));
  EXPECT_EQ(elements_of(bf16), (std::vector<double>{1.0, -3.0}));
}

TEST(VerifyExpect, NormsAreReadFromJson) {
  const fs::path file = fs::temp_directory_path() / ("perfbench-expect-" + std::to_string(::getpid()) + ".json");
  std::ofstream(file) << R"({"loss": 1.5, "losses": [1.5, 1.25], "grad_norm": 5, "gradients": {"a": 5}, "tp": 2})";
  const Expected expected = read_expected(file);
  fs::remove(file);
  EXPECT_EQ(expected.loss, 1.5);
  EXPECT_EQ(expected.losses, (std::vector<double>{1.5, 1.25}));
  const std::vector<HostTensor> found = {tensor("a", {4, 3})};
  EXPECT_TRUE(compare(expected, step(1.5, 5.0), std::vector{1.5, 1.25}, found, kTolerance).agrees());
  const std::vector<HostTensor> longer = {tensor("a", {4, 4})};
  EXPECT_EQ(compare(expected, step(1.5, 5.0), std::vector{1.5, 1.25}, longer, kTolerance).worst().what, "a");
}

TEST(VerifyExpect, EveryToleranceHasAReason) {
  for (const Tolerance& tolerance : kTolerances) EXPECT_FALSE(tolerance.reason.empty()) << tolerance.precision;
  EXPECT_EQ(tolerance_of(Precision::fp32).precision, "fp32");
  EXPECT_EQ(tolerance_of(Precision::bf16).precision, "bf16");
}

}  // namespace
}  // namespace perfbench
