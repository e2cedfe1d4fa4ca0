#include "job/request.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "job/catalog.h"
#include "job/config_table.h"
#include "job/field_role.h"
#include "job/request_fields.h"
#include "unit/job/spec_files.h"

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

// --recompute names all that is computed again, and so do layers and modules together.
TEST(Merge, RecomputeStandsInPlaceOfLayersAndModules) {
  Request word, layers;
  word.recompute = "selective";
  layers.recompute_layers = 4;
  layers.recompute_modules = {"mlp"};
  const Request over_row = merge(word, layers);
  EXPECT_EQ(over_row.recompute, "selective");
  EXPECT_FALSE(over_row.recompute_layers || over_row.recompute_modules);
  const Request over_word = merge(layers, word);
  EXPECT_FALSE(over_word.recompute);
  EXPECT_EQ(over_word.recompute_layers, 4);
}

TEST(SetStack, LeavesOutWhatAnotherStacksSoftwareNeeds) {
  Request row;
  row.stack = std::string("automodel");  // g++ 12 sees something uninitialised in the assignment of a literal
  row.tp = 2, row.vp = 10, row.mbs = 1, row.recompute_layers = 80, row.lbs = 8;
  row.cuda_graphs = false;
  for (const char* field : {"stack", "tp", "recompute_layers", "lbs", "cuda_graphs"}) row.origins[field] = "t.csv:11";
  Request same = row;
  set_stack(same, "AutoModel", "flag --stack", Catalog(kDataFolder));
  EXPECT_EQ(same.recompute_layers, 80);
  EXPECT_EQ(same.left_out.size(), 0u);
  set_stack(row, "megatron", "flag --stack", Catalog(kDataFolder));
  EXPECT_EQ(row.stack, "megatron");
  EXPECT_EQ(origin_of(row, "stack"), "flag --stack");
  EXPECT_EQ(row.tp, 2);
  EXPECT_EQ(row.vp, 10);
  EXPECT_FALSE(row.recompute_layers || row.lbs || row.cuda_graphs);
  EXPECT_EQ(origin_of(row, "recompute_layers"), "");
  EXPECT_EQ(row.left_out.at("recompute_layers"), "row t.csv:11 is of stack automodel");
  EXPECT_EQ(row.left_out.size(), 3u);
  Request over;
  over.lbs = 4;
  EXPECT_FALSE(merge(over, row).left_out.contains("lbs"));
}

TEST(SetStack, ARowWithoutAStackIsOfMegatron) {
  Request row;
  row.recompute_layers = 4;
  Request other = row;
  set_stack(row, "megatron", "flag --stack", Catalog(kDataFolder));
  EXPECT_EQ(row.recompute_layers, 4);
  set_stack(other, "perfbench", "flag --stack", Catalog(kDataFolder));
  EXPECT_FALSE(other.recompute_layers);
}

const char* name_of(FieldRole role) {
  switch (role) {
    case FieldRole::identity:
      return "identity";
    case FieldRole::precision:
      return "precision";
    case FieldRole::stack:
      return "stack";
    case FieldRole::gpus:
      return "gpus";
    case FieldRole::layout:
      return "layout";
    case FieldRole::tuning:
      return "tuning";
  }
  return "?";
}

TEST(FieldMeanings, AreThoseOfTheDocumentation) {
  std::map<std::string, std::string> lines;  // of the table: its start and its end by the fields between
  for (const FieldMeaning& meaning : field_meanings()) {
    const std::string start = std::string("| ") + name_of(meaning.role) + " | ";
    const std::string end = meaning.role == FieldRole::stack  ? " | taken where no flag names one |"
                            : meaning.of == ValueOf::software ? " | left out |"
                                                              : " | taken |";
    std::string& line = lines[start + end];
    line = (line.empty() ? start : line.substr(0, line.size() - end.size()) + ", ") + "`" +
           std::string(column_of(meaning.field)) + "`" + end;
  }
  const std::string docs = read_file(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "docs" / "data_files.md");
  for (const auto& [group, line] : lines)
    EXPECT_NE(docs.find("\n" + line + "\n"), std::string::npos) << "docs/data_files.md must hold: " << line;
}

// A new member of Request that is left out of the list would never be merged, read or compared.
TEST(RequestFields, ListHoldsEveryMember) {
  std::set<std::string> names;
  constexpr std::size_t kOriginBytes = 2 * sizeof(std::map<std::string, std::string>);  // origins and left_out
  std::size_t bytes = 0;
  for_each_field([&](const char* name, auto member) {
    EXPECT_TRUE(names.insert(name).second) << name;
    bytes += sizeof(Request{}.*member);
  });
  EXPECT_EQ(names.size(), 44u);
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
