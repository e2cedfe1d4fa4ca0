#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "job/resolve.h"
#include "job/varied_job.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  return catalog;
}

// Qwen3-235B (128 experts of width 1536, 8 a token) on 256 GPUs.
Request sound() {
  Request request;
  request.model = "qwen3_235b_a22b";
  request.system = "h100";
  request.stack = "megatron_2504";
  request.dtype = "bf16";
  request.num_gpus = 256;
  request.gbs = 256;
  request.seq_len = 4096;
  request.tp = 2;
  request.pp = 2;
  request.ep = 32;
  return request;
}

std::string problems_after(const std::function<void(Request&)>& spoil) {
  Request request = sound();
  spoil(request);
  try {
    make_job(request, catalog());
  } catch (const InputError& error) {
    return format_problems(error.problems());
  }
  return "";
}

void as_flag(Request& request, const char* field) { request.origins[field] = std::string("flag --") + field; }

struct Breach {
  const char* name;
  void (*spoil)(Request&);
  const char* what;
};

class ExpertRule : public testing::TestWithParam<Breach> {};

TEST_P(ExpertRule, IsNamedWithItsNumbers) {
  ASSERT_EQ(problems_after([](Request&) {}), "");
  const std::string text = problems_after(GetParam().spoil);
  EXPECT_NE(text.find(GetParam().what), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    All, ExpertRule,
    testing::Values(Breach{"tokens_sent_twice", [](Request& r) { r.sequence_parallel = false; },
                           "experts at tp 2 need sequence parallelism"},
                    Breach{"hsdp",
                           [](Request& r) {
                             r.pp = 1;
                             r.fsdp = true;
                             r.fsdp_size = 32;
                           },
                           "HSDP with experts is not modelled: fsdp_size 32 is below dp 128 x cp 1 = 128"},
                    Breach{"gate", [](Request& r) { r.moe_gate = "blanced"; }, "did you mean balanced?"},
                    Breach{"dispatcher", [](Request& r) { r.moe_dispatcher = "deepep"; },
                           "all_to_all, dedup, all_gather"},
                    Breach{"no_capacity",
                           [](Request& r) {
                             r.moe_capacity = 0.0;
                             as_flag(r, "moe_capacity");
                           },
                           "a capacity of 0 leaves experts no rows\n  hint: above 0 and at most 16"},
                    Breach{"negative_capacity", [](Request& r) { r.moe_capacity = -1.0; }, "a capacity of -1 leaves"},
                    Breach{"capacity_of_all", [](Request& r) { r.moe_capacity = 16.5; },
                           "at 128 experts / 8 a token = 16, an expert takes a row of every token; 16.5 is more"},
                    Breach{"imbalance", [](Request& r) { r.gate_imbalance = -0.5; }, "-0.5 is no standard deviation"},
                    Breach{"imbalance_of_padded",
                           [](Request& r) {
                             r.gate_imbalance = 0.5;
                             r.moe_capacity = 1.0;
                           },
                           "loads are equal where rows are padded to a capacity of 1"},
                    Breach{"overlap_of_nothing",
                           [](Request& r) {
                             r.ep = 1;
                             r.ep_overlap = true;
                             as_flag(r, "ep_overlap");
                           },
                           "at ep 1 no token travels"},
                    Breach{"gate_of_dense",
                           [](Request& r) {
                             r.model = "llama3_70b";
                             r.ep = 1;
                             r.moe_gate = "topk";
                             as_flag(r, "moe_gate");
                           },
                           "moe_gate is of experts, and llama3_70b has none"},
                    Breach{"graphs_off", [](Request& r) { r.cuda_graph_modules = {"attn"}; },
                           "CUDA graphs are off, and would hold attn"},
                    Breach{"graph_word",
                           [](Request& r) {
                             r.cuda_graphs = true;
                             r.cuda_graph_modules = {"moe_ruter"};
                           },
                           "did you mean moe_router"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(ExpertRules, ATablesCapacityOfNothingIsNone) {
  EXPECT_EQ(problems_after([](Request& r) { r.moe_capacity = 0.0; }), "");
}

TEST(ExpertRules, GraphsThatAFlagTurnsOffHoldNothing) {
  Request request = sound();
  request.cuda_graphs = false;
  request.cuda_graph_modules = {"attn"};
  as_flag(request, "cuda_graphs");
  EXPECT_TRUE(make_job(request, catalog()).graph_modules.empty());
}

TEST(ExpertTp, IsTheStacksWhereTheRanksDivideByIt) {
  Request request = sound();
  const Job of_nemo = make_job(request, catalog());
  EXPECT_EQ(of_nemo.layout.etp, 1);
  EXPECT_EQ(of_nemo.origins.at("etp"), "rule: etp = 1, as stack megatron_2504 has it");
  request.stack = "perfbench";
  const Job as_tp = make_job(request, catalog());
  EXPECT_EQ(as_tp.layout.etp, 2);
  EXPECT_EQ(as_tp.origins.at("etp"), "rule: etp = tp, as stack perfbench has it");
}

// tp 2, ep 32 and pp 8 on 256 GPUs: the 32 ranks of a stage hold one expert group.
TEST(ExpertTp, IsLoweredOnlyWhereItIsInvalid) {
  Request request = sound();
  request.stack = "perfbench";
  request.pp = 8;
  request.tp = 4;
  request.ep = 16;
  const Job lowered = make_job(request, catalog());
  EXPECT_EQ(lowered.layout.etp, 2);
  EXPECT_EQ(
      lowered.origins.at("etp"),
      "rule: etp = 2, since etp 4 of stack perfbench does not fit: ep 16 x etp 4 has to divide tp 4 x cp 1 x dp 8 "
      "= 32, and etp the expert width 1536");
  request.etp = 4;  // what somebody asks for stays
  EXPECT_THROW(make_job(request, catalog()), InputError);
}

TEST(Routing, IsTheStacksUnlessAskedFor) {
  Request request = sound();
  const Job job = make_job(request, catalog());
  EXPECT_EQ(job.gate, Gate::random);
  EXPECT_EQ(job.origins.at("moe_gate"), "rule: as stack megatron_2504 has it");
  request.moe_gate = "Balanced";
  request.moe_dispatcher = "dedup";
  request.moe_capacity = 1.5;
  request.cuda_graphs = true;
  request.cuda_graph_modules = {"moe_router", "attn"};
  request.ep_overlap = true;
  const Job asked = make_job(request, catalog());
  EXPECT_EQ(asked.gate, Gate::balanced);
  EXPECT_EQ(asked.dispatcher, Dispatcher::dedup);
  EXPECT_EQ(asked.expert_capacity, 1.5);
  EXPECT_EQ(asked.graph_modules, (ModuleSet{Module::attn, Module::moe_router}));
  EXPECT_TRUE(asked.ep_overlap);
  Request larger;
  larger.gbs = 512;
  const std::optional<Job> varied = varied_job(asked, larger);
  ASSERT_TRUE(varied);
  EXPECT_EQ(varied->gate, asked.gate);
  EXPECT_EQ(varied->dispatcher, asked.dispatcher);
  EXPECT_EQ(varied->expert_capacity, asked.expert_capacity);
  EXPECT_EQ(varied->graph_modules, asked.graph_modules);
  EXPECT_TRUE(varied->ep_overlap);
}

// The layouts of published rows, and those of the recipes, are valid.
TEST(PublishedRows, WithExpertsAreValidJobs) {
  for (const char* system : {"h100", "b200", "b300", "gb200", "gb300"}) {
    const ConfigTable table = read_config_table(catalog().config_table(system));
    for (const ConfigRow& row : table.rows) {
      EXPECT_NO_THROW(make_job(row.request, catalog())) << table.file << ":" << row.line;
    }
  }
}

}  // namespace
}  // namespace perfbench
