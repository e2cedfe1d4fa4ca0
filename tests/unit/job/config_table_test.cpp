#include "job/config_table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/text.h"

namespace perfbench {
namespace {

constexpr const char* kHeader20 =
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,"
    "cuda_graphs,use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules";
const std::string kHeader23 =
    std::string(kHeader20) + ",keep_fsdp_fp8_transpose_cache,use_user_buffer_registration,use_sharp";

std::filesystem::path file_with(const std::string& text, const std::string& name = "model_configs_b200.csv") {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const auto folder = std::filesystem::path(testing::TempDir()) / "config_table_test" / test->name();
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << text;
  return folder / name;
}

ConfigTable table_of(const std::string& rows, const std::string& header = kHeader20) {
  return read_config_table(file_with(header + "\n" + rows));
}

std::vector<Problem> refusal(const std::string& text) {
  try {
    read_config_table(file_with(text));
  } catch (const InputError& error) {
    return error.problems();
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(ConfigTable, ReadsFloatsBlanksListsAndShortRows) {
  const ConfigTable table = table_of(
      "pre_train,llama9,7b,b200,fp8,64.0,8192.0,2.0,4.0,-,n/a,NA,1.0,128.0,,1.0,0,0,2,core_attn/moe\n"
      "finetune,llama9,7b,b200,bf16,8,4096,1,1,0,0,0,1,\"1,024\",,,1,0,0\n"
      "\n");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_TRUE(table.problems.empty() && table.warnings.empty());
  const Request& first = table.rows[0].request;
  EXPECT_EQ(first.task, Task::pretrain);
  EXPECT_EQ(first.model, "llama9_7b");
  EXPECT_EQ(first.num_gpus, 64);
  EXPECT_EQ(first.pp, 4);
  EXPECT_FALSE(first.cp || first.ep || first.vp || first.etp);
  EXPECT_EQ(first.cuda_graphs, true);
  EXPECT_EQ(first.fsdp, false);
  EXPECT_EQ(first.offload_layers, 2);
  EXPECT_EQ(first.recompute_modules, (std::vector<std::string>{"core_attn", "moe"}));
  EXPECT_EQ(first.origins.at("tp"), "model_configs_b200.csv:2");
  const Request& second = table.rows[1].request;
  EXPECT_EQ(second.task, Task::lora);
  EXPECT_EQ(second.gbs, 1024);
  EXPECT_FALSE(second.cp || second.ep || second.vp || second.recompute_modules);
  EXPECT_EQ(second.fsdp, true);
}

TEST(ConfigTable, AcceptsByteOrderMarkAndCarriageReturns) {
  const ConfigTable table = read_config_table(file_with(
      "\xEF\xBB\xBF" + std::string(kHeader20) + "\r\nsft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,32,,0,0,0,0,\r\n\r\n"));
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].line, 2);
  EXPECT_EQ(table.rows[0].request.gbs, 32);
}

TEST(ConfigTable, ReadsOwnColumnsInAnyOrder) {
  const ConfigTable table =
      table_of("ds,automodel,8,Llama9 7B (late),sft,llama9,7b,b200,fp8,8,4096,1,1,1,1,1,1,64,,0,0,0,0,,0,1,1\n",
               "fp8_recipe,stack,lbs,printed_model," + kHeader23);
  ASSERT_EQ(table.rows.size(), 1u);
  const Request& row = table.rows[0].request;
  EXPECT_EQ(row.fp8_recipe, "ds");
  EXPECT_EQ(row.stack, "automodel");
  EXPECT_EQ(row.lbs, 8);
  EXPECT_EQ(table.rows[0].printed_model, "Llama9 7B (late)");
  EXPECT_EQ(row.model, "llama9_7b");
  EXPECT_EQ(row.sharp, true);
  EXPECT_EQ(row.keep_fsdp_fp8_transpose_cache, false);
}

TEST(ConfigTable, ReadsHowTokensReachExperts) {
  const ConfigTable table = table_of(
      "sft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,32,,1,0,0,0,,balanced,dedup,1.25,attn/moe_router,1\n"
      "sft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,64,,1,0,0,0,,,,0,,\n",
      std::string(kHeader20) + ",moe_gate,moe_dispatcher,moe_capacity,cuda_graph_modules,ep_overlap");
  ASSERT_EQ(table.rows.size(), 2u);
  const Request& row = table.rows[0].request;
  EXPECT_EQ(row.moe_gate, "balanced");
  EXPECT_EQ(row.moe_dispatcher, "dedup");
  EXPECT_EQ(row.moe_capacity, 1.25);
  EXPECT_EQ(row.cuda_graph_modules, (std::vector<std::string>{"attn", "moe_router"}));
  EXPECT_EQ(row.ep_overlap, true);
  EXPECT_EQ(table.rows[1].request.moe_capacity, 0.0);  // none
}

TEST(ConfigTable, TakesTheFilesSystemWithAWarning) {
  const std::string row = "sft,llama9,7b,gb200,bf16,8,4096,1,1,1,1,1,1,32,,0,0,0,0,\n";
  const ConfigTable named = table_of(row);
  EXPECT_EQ(named.rows.at(0).request.system, "b200");
  ASSERT_EQ(named.warnings.size(), 1u);
  EXPECT_NE(named.warnings[0].find("model_configs_b200.csv:2: system=gb200"), std::string::npos) << named.warnings[0];
  const ConfigTable other = read_config_table(file_with(std::string(kHeader20) + "\n" + row, "mine.csv"));
  EXPECT_EQ(other.rows.at(0).request.system, "gb200");
  EXPECT_TRUE(other.warnings.empty());
}

TEST(ConfigTable, NamesEveryWrongCellAndKeepsTheOtherRows) {
  const ConfigTable table = table_of(
      "pre_train,llama9,7b,b200,fp8,8.5,4096,1,1,1,1,1,1,32,,0,0,0,0,\n"
      "train,llama9,7b,b200,fp9,8,4096,0,1,1,1,1,-1,32,,7,0,0,0,\n"
      "sft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,,,0,0,0,0,\n"
      "sft,llama9,7b,b200,bf16,99999999999999999999,4096,1,1,1,1,1,1,8,,0,0,0,0,\n"
      "lora,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,32,,0,0,0,0,\n");
  std::vector<std::string> places;
  for (const Problem& problem : table.problems) places.push_back(problem.where);
  EXPECT_EQ(places, (std::vector<std::string>{
                        "model_configs_b200.csv:2: num_gpus=8.5", "model_configs_b200.csv:3: task=train",
                        "model_configs_b200.csv:3: dtype=fp9", "model_configs_b200.csv:3: tp_size=0",
                        "model_configs_b200.csv:3: mbs=-1", "model_configs_b200.csv:3: cuda_graphs=7",
                        "model_configs_b200.csv:4: gbs", "model_configs_b200.csv:5: num_gpus=99999999999999999999"}));
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].line, 6);
}

TEST(ConfigTable, RefusesARecipeOnABf16Row) {
  const ConfigTable table =
      table_of("sft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,32,,0,0,0,0,,cs\n", std::string(kHeader20) + ",fp8_recipe");
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].where, "model_configs_b200.csv:2: fp8_recipe=cs");
}

TEST(ConfigTable, NamesUnknownAndMissingColumnsTogether) {
  std::string header = kHeader20;
  header.replace(header.find("vp_size"), 7, "vp_sice");
  const std::vector<Problem> problems = refusal(header + "\n");
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].where, "model_configs_b200.csv:1: vp_sice");
  EXPECT_NE(problems[0].hint.find("vp_size"), std::string::npos) << problems[0].hint;
  EXPECT_NE(problems[1].what.find("vp_size is missing"), std::string::npos) << problems[1].what;
}

// A table of NeMo 25.02 has dp_size, which says again what the other sizes do, and lacks the later columns.
TEST(ConfigTable, ReadsTablesOfOlderReleases) {
  const std::string header =
      "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,dp_size,ep_size,"
      "vp_size,mbs,gbs";
  const ConfigTable table = table_of(
      "pre_train,llama9,7b,b200,bf16,8,4096,1,1,2,4,1,1,1,32\npre_train,llama9,7b,b200,bf16,8,4096,1,1,2,8,1,1,1,64\n",
      header);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].request.cp, 2);
  EXPECT_FALSE(table.rows[0].request.cuda_graphs);
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].where, "model_configs_b200.csv:3: dp_size=8");
  EXPECT_EQ(table.problems[0].what, "num_gpus 8 / (tp 1 x pp 1 x cp 2) is 4");
}

TEST(ConfigTable, RefusesRepeatedRowsNamingBothLines) {
  const std::vector<Problem> problems = refusal(std::string(kHeader20) +
                                                "\nsft,llama9,7b,b200,bf16,8,4096,1,1,1,1,1,1,32,,0,0,0,0,\n"
                                                "sft,llama9,7b,b200,fp8,8,4096,1,1,1,1,1,1,32,,0,0,0,0,\n"
                                                "sft,llama9,7b,b200,bf16,8.0,4096,1,1,1,1,1,1,32,,0,0,0,0\n");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "model_configs_b200.csv:4");
  EXPECT_NE(problems[0].what.find("line 2"), std::string::npos);
}

TEST(ConfigTable, RefusesATableWithoutRows) { EXPECT_EQ(refusal(kHeader23 + "\n").size(), 1u); }

TEST(ConfigTable, ExportsNemosColumnsAndNoOther) {
  const ConfigTable table = table_of(
      "pre_train,qwen9,30b_a3b,b200,fp8,8.0,4096,1,1,1,8,1,4,512,1.0,0,1,2,0,a/b,,1,,automodel,4,cs\n"
      "pre_train,qwen9,30b_a3b,b200,fp8,8.0,4096,1,1,1,8,1,4,512,1.0,0,1,2,0,a/b,,1,,automodel,4,ds\n",
      kHeader23 + ",stack,lbs,fp8_recipe");
  std::istringstream lines(export_for_nemo(table));
  std::string header, row, rest;
  std::getline(lines, header);
  std::getline(lines, row);
  EXPECT_EQ(trim(header), kHeader23);
  EXPECT_EQ(trim(row), "pre_train,qwen9,30b_a3b,b200,fp8,8,4096,1,1,1,8,1,4,512,1,0,1,2,0,a/b,,1,");
  EXPECT_FALSE(std::getline(lines, rest)) << rest;
}

}  // namespace
}  // namespace perfbench
