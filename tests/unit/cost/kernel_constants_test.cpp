#include "cost/kernel_constants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "unit/cost/measured_systems.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs" / "kernels";

// The text of h100.json with the first `from` replaced.
std::string altered(const std::string& from, const std::string& to) {
  std::string text = read_file(kFolder / "h100.json");
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("h100.json has no " + from);
  return text.replace(at, from.size(), to);
}

std::string complaint(const std::string& text) {
  try {
    parse_kernel_constants(parse_json(text, "k.json"), "k.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(KernelConstants, EveryFileLoadsAndIsNamedAfterItsSystem) {
  std::set<std::string> systems;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const KernelConstants constants = read_kernel_constants(entry.path());
    EXPECT_EQ(constants.system, entry.path().stem().string());
    EXPECT_GT(constants.gemm_bf16.fit.held_out, 0) << constants.system;
    systems.insert(constants.system);
  }
  EXPECT_EQ(systems, (std::set<std::string>{"b200", "default", "gb200", "gb300", "h100", "h200"}));
}

// A fit that went to a corner of its range would still load; no rate is above its peak, but for reduction in the
// switch.
TEST(KernelConstants, SharesAreThoseOfRealKernels) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const KernelConstants c = read_kernel_constants(entry.path());
    for (const double share :
         {c.gemm_bf16.peak_share, c.gemm_fp8.peak_share, c.gemm_bf16.memory_share, c.attention.peak_share_128,
          c.memory.bandwidth_share, c.all_gather.bandwidth_share, c.reduce_scatter.bandwidth_share,
          c.all_to_all.bandwidth_share, c.send.bandwidth_share, c.network.bandwidth_share}) {
      EXPECT_GT(share, 0.4) << c.system;
      EXPECT_LE(share, 1.0) << c.system;
    }
    EXPECT_LT(c.gemm_bf16.fit.median_percent, 10.0) << c.system;
  }
}

TEST(KernelConstants, AMissingKeyIsNamedWithItsPath) {
  EXPECT_THAT(complaint(altered("\"half_m\"", "\"half_mm\"")), AllOf(HasSubstr("gemm.bf16"), HasSubstr("half_m")));
  EXPECT_THAT(complaint(altered("\"network\"", "\"networks\"")), HasSubstr("network"));
}

TEST(KernelConstants, ConstantsOutsideTheirRangeAreRefused) {
  EXPECT_THAT(complaint(altered("\"hop_latency_s\": ", "\"hop_latency_s\": -")), HasSubstr("must be above 0"));
  EXPECT_THAT(complaint(altered("\"sustained_drop\": 0", "\"sustained_drop\": 1")), HasSubstr("below 1"));
}

// Every number of every file, one at a time: none can make a time infinite or nothing.
TEST(KernelConstants, NullsZerosAndAbsurdNumbersAreNamed) {
  const std::string text = read_file(kFolder / "h100.json");
  const std::regex number("\"(\\w+)\": (-?[0-9.]+(?:e-?[0-9]+)?)");
  int changed = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it) {
    const std::string key = it->str(1);
    if (key == "points" || key == "held_out" || key.ends_with("_percent")) continue;  // of the fit, no constants
    for (const char* value : {"null", "-1e-6", "1e308", "1e-308", "0"}) {
      if (key == "sustained_drop" && (std::string(value) == "0" || std::string(value) == "1e-308"))
        continue;  // no loss
      std::string broken = text;
      broken.replace(static_cast<std::size_t>(it->position(2)), static_cast<std::size_t>(it->length(2)), value);
      EXPECT_THAT(complaint(broken), HasSubstr("." + key + ": ")) << key << " " << value;
    }
    ++changed;
  }
  EXPECT_GT(changed, 50);
}

TEST(KernelConstants, ABlockWithoutSourceIsRefused) {
  EXPECT_THAT(complaint(altered("\"source\": \"fitted", "\"source\": \"\", \"was\": \"fitted")), HasSubstr("source"));
}

}  // namespace
}  // namespace perfbench
