#include "spec/request.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "spec/request_fields.h"

namespace perfbench {
namespace {

TEST(Merge, TakesEachFieldFromOverElseFromBase) {
  Request over, base;
  over.tp = 4;
  over.origins["tp"] = "flag -tp";
  base.tp = 8;
  base.gbs = 128;
  base.origins = {{"tp", "t.csv:2"}, {"gbs", "t.csv:2"}};
  const Request merged = merge(over, base);
  EXPECT_EQ(merged.tp, 4);
  EXPECT_EQ(merged.gbs, 128);
  EXPECT_EQ(origin_of(merged, "tp"), "flag -tp");
  EXPECT_EQ(origin_of(merged, "gbs"), "t.csv:2");
}

TEST(Merge, ForgetsTheOriginOfAnOverriddenValue) {
  Request over, base;
  over.pp = 2;
  base.pp = 8;
  base.origins["pp"] = "t.csv:2";
  EXPECT_EQ(origin_of(merge(over, base), "pp"), "");
}

// A new member of Request that is left out of the list would never be merged, read or compared.
TEST(RequestFields, ListHoldsEveryMember) {
  std::set<std::string> names;
  constexpr std::size_t kOriginBytes = sizeof(std::map<std::string, std::string>);
  std::size_t bytes = 0;
  for_each_field([&](const char* name, auto member) {
    EXPECT_TRUE(names.insert(name).second) << name;
    bytes += sizeof(Request{}.*member);
  });
  EXPECT_EQ(names.size(), 30u);
  EXPECT_LE(bytes + kOriginBytes, sizeof(Request));
  EXPECT_LT(sizeof(Request) - bytes - kOriginBytes, sizeof(std::optional<std::int64_t>));
}

TEST(AskedPrecision, NeedsDtypeAndRecipeTogether) {
  const auto precision = [](std::optional<std::string> dtype, std::optional<std::string> recipe) {
    Request request;
    request.dtype = std::move(dtype);
    request.fp8_recipe = std::move(recipe);
    return asked_precision(request);
  };
  EXPECT_EQ(precision("fp8", std::nullopt), Precision::fp8cs);
  EXPECT_EQ(precision("fp8", "ds"), Precision::fp8ds);
  EXPECT_EQ(precision("FP8", "MXFP8"), Precision::mxfp8);
  EXPECT_EQ(precision(std::nullopt, "nvfp4"), Precision::nvfp4);
  EXPECT_EQ(precision("fp8ds", "cs"), Precision::fp8ds);
  EXPECT_EQ(precision("bf16", "ds"), Precision::bf16);
  EXPECT_EQ(precision("fp16", std::nullopt), std::nullopt);
  EXPECT_EQ(precision("fp8", "ss"), std::nullopt);
  EXPECT_EQ(precision(std::nullopt, std::nullopt), std::nullopt);
}

TEST(Limits, ZeroMeansUnsetOnlyForAxesThatTablesWriteSo) {
  for (const char* field : {"vp", "ep", "cp", "recompute_layers"}) EXPECT_FALSE(limit_problem(field, 0)) << field;
  for (const char* field : {"tp", "pp", "gbs", "mbs", "num_gpus", "seq_len"})
    EXPECT_TRUE(limit_problem(field, 0)) << field;
  EXPECT_TRUE(limit_problem("vp", -1));
  EXPECT_TRUE(limit_problem("gbs", std::int64_t{1} << 62));
}

}  // namespace
}  // namespace perfbench
