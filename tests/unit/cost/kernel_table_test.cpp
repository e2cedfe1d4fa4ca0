// The file of measured kernels, and what its readers are told.
#include "cost/kernel_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

KernelTable table() {
  return {.on = {.system = "h100",
                 .device = "NVIDIA H100 80GB HBM3",
                 .driver = "580.95.05",
                 .date = "2026-01-31T12:00:00Z",
                 .versions = {{"perfbench", "0.1.0"}, {"libtorch", "2.11.0"}},
                 .sm_clock_mhz = 1755.0,
                 .throttled = true,
                 .throttle_reasons = {"sw_power_cap"}},
          .kernels = {{"matmul(bf16[8,4],bf16[6,4],-,-,-,bf16[8,6]) transpose_b=1",
                       {.seconds = 1.25e-5,
                        .mad_s = 1e-7,
                        .runs = 40,
                        .work = GemmShape{.m = 8, .n = 6, .k = 4, .dtype = DType::f8e4m3}}},
                      {"attention_backward(x)",
                       {.seconds = 2e-3,
                        .mad_s = 0.0,
                        .runs = 3,
                        .work = AttentionWork{.shape = {.batch = 1,
                                                        .seq = 4096,
                                                        .heads = 32,
                                                        .kv_heads = 8,
                                                        .head_dim = 128,
                                                        .causal = false,
                                                        .attended = 512.5},
                                              .blocks = 2,
                                              .backward = true}}},
                      {"quantize(x)", {.seconds = 1e-5, .runs = 3, .work = QuantizeWork{.elements = 32, .layouts = 2}}},
                      {"add(x)", {.seconds = 1e-6, .runs = 3, .work = MemoryWork{.bytes = 144}}}},
          .left_out = 2,
          .skipped = 1};
}

std::string refusal(const std::function<void(std::string&)>& change) {
  std::string text = dump_json(to_json(table()));
  change(text);
  try {
    parse_kernel_table(parse_json(text, "k.json"), "k.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(KernelTable, ReadsBackWhatItWrote) {
  const std::string text = dump_json(to_json(table()));
  EXPECT_EQ(parse_kernel_table(parse_json(text, "k.json"), "k.json"), table());
}

// Keys and values of another size than queries: without them the kernel would be predicted as another.
TEST(KernelTable, KeepsEverySizeOfAttention) {
  KernelTable latent = table();
  const AttentionShape shape{.batch = 1, .seq = 64, .heads = 4, .kv_heads = 4, .head_dim = 192, .key_seq = 128};
  AttentionWork work{.shape = shape};
  work.shape.value_dim = 128;
  latent.kernels["attention(x)"] = {.seconds = 1e-3, .runs = 3, .work = work};
  const std::string text = dump_json(to_json(latent));
  EXPECT_EQ(parse_kernel_table(parse_json(text, "k.json"), "k.json"), latent);
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"attended\"", "\"value_dim\": 0, \"attended\""); }),
              HasSubstr("value_dim: must be above 0"));
}

TEST(KernelTable, OnACpuNobodyLooksAtClocks) {
  KernelTable on_cpu{.on = {.system = "cpu", .device = "CPU", .date = "2026-01-31T12:00:00Z"}};
  EXPECT_EQ(parse_kernel_table(parse_json(dump_json(to_json(on_cpu)), "k.json"), "k.json"), on_cpu);
}

TEST(KernelTable, NamesFileAndKeyOfEveryProblem) {
  const std::string text = refusal([](std::string& json) {
    replace(json, "\"runs\": 40", "\"runs\": 0");
    replace(json, "\"seconds\": 0.002", "\"seconds\": -1");
    replace(json, "\"device\"", "\"devise\"");
  });
  EXPECT_THAT(text, HasSubstr("k.json: kernels[1].seconds: must be above 0"));
  EXPECT_THAT(text, HasSubstr("k.json: kernels[2].runs: must be at least 1"));
  EXPECT_THAT(text, HasSubstr("k.json: measured_on.device: this key is missing"));
  EXPECT_THAT(text, HasSubstr("did you mean device?"));
}

TEST(KernelTable, NullsAndNumbersBeyondAnyKernelAreNamed) {
  for (const char* value : {"null", "1e308", "0", "-0.002"})
    EXPECT_THAT(
        refusal([&](std::string& json) { replace(json, "\"seconds\": 0.002", std::string("\"seconds\": ") + value); }),
        HasSubstr("kernels[1].seconds: "))
        << value;
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"bytes\": ", "\"bytes\": 1e300, \"was\": "); }),
              HasSubstr("shape.bytes: is 1e+300, but must be at most 1e+18"));
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"layouts\": 2", "\"layouts\": 4294967297"); }),
              HasSubstr("shape.layouts: must be 1 or 2"));
}

TEST(KernelTable, RefusesShapesAndFormatsThatItDoesNotKnow) {
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"kind\": \"gemm\"", "\"kind\": \"conv\""); }),
              HasSubstr("kernels[2].shape.kind: is \"conv\""));
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"f8e4m3\"", "\"f16\""); }),
              HasSubstr("kernels[2].shape.dtype: is \"f16\""));
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"format\": 1", "\"format\": 2"); }),
              HasSubstr("k.json: format: is 2"));
  EXPECT_THAT(refusal([](std::string& json) { replace(json, "\"add(x)\"", "\"quantize(x)\""); }),
              HasSubstr("\"quantize(x)\" is there twice"));
}

}  // namespace
}  // namespace perfbench
