#include <gtest/gtest.h>

#include <functional>

#include "job/lora_targets.h"
#include "job/resolve.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using Names = std::vector<std::string>;

const Catalog& catalog() {
  static const Catalog kCatalog(kDataFolder);
  return kCatalog;
}

// Llama 3 8B on 8 H100, whose linears are 4096 x 4096, 1024 x 4096 and 14336 x 4096.
Request lora(const std::function<void(Request&)>& change = [](Request&) {}) {
  Request request;
  request.model = "llama3_8b";
  request.system = "h100";
  request.stack = "megatron";
  request.task = Task::lora;
  request.num_gpus = 8;
  request.gbs = 32;
  request.seq_len = 4096;
  change(request);
  return request;
}

Job job_of(const Request& request) { return make_job(request, catalog()); }

std::string said(const std::function<void(Request&)>& change) {
  return refusal([&] { job_of(lora(change)); });
}

TEST(LoraJob, RecipeOfTheStackFillsWhatIsLeftOut) {
  const Job job = job_of(lora());
  ASSERT_TRUE(job.lora);
  EXPECT_EQ(job.lora->rank, 16);
  EXPECT_EQ(job.lora->alpha, 32.0);
  EXPECT_EQ(job.lora->targets, Names{"qkv_proj"});
  EXPECT_EQ(job.origins.at("lora_targets"), "rule: those of stack megatron_2504");
  EXPECT_TRUE(job.packed);
  const Job other = job_of(lora([](Request& r) { r.stack = "automodel"; }));
  EXPECT_EQ(other.lora->targets.size(), 7u);
  EXPECT_FALSE(other.packed);
}

TEST(LoraJob, FlagsWinAndSayWhereTheyCameFrom) {
  const Job job = job_of(lora([](Request& r) {
    r.lora_rank = 8;
    r.lora_alpha = 64;
    r.lora_targets = {"v_proj", "Q_proj", "v_proj"};
    r.packed = false;
    for (const char* field : {"lora_rank", "lora_alpha", "lora_targets", "packed"}) r.origins[field] = "flag --x";
  }));
  EXPECT_EQ(job.lora->rank, 8);
  EXPECT_EQ(job.lora->alpha, 64.0);
  EXPECT_EQ(job.lora->targets, (Names{"q_proj", "v_proj"}));
  EXPECT_FALSE(job.packed);
  for (const char* field : {"lora_rank", "lora_alpha", "lora_targets", "packed"}) {
    EXPECT_EQ(job.origins.at(field), "flag --x");
  }
}

TEST(LoraJob, OtherTasksHaveNoAdapters) {
  EXPECT_FALSE(job_of(lora([](Request& r) { r.task = Task::pretrain; })).lora);
  const Job sft = job_of(lora([](Request& r) { r.task = Task::sft; }));
  EXPECT_FALSE(sft.lora);
  EXPECT_TRUE(sft.packed);
}

TEST(LoraTargets, AllIsEveryLinearOfTheModel) {
  const ModelSpec gated = catalog().model("llama3_8b", ""), plain = catalog().model("nemotron4_15b", "");
  const Names seven = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  EXPECT_EQ(expand_lora_targets(gated, {"all"}), seven);
  EXPECT_EQ(expand_lora_targets(gated, {"all-linear"}), seven);
  Names six = seven;
  std::erase(six, "gate_proj");
  EXPECT_EQ(expand_lora_targets(plain, {"all"}), six);
  EXPECT_EQ(stack_lora_targets(plain, seven), six);
  EXPECT_EQ(expand_lora_targets(plain, {"gate_proj"}), Names{"gate_proj"});  // for the rule to refuse
  EXPECT_TRUE(lora_targets(catalog().model("mixtral_8x7b", "")).empty());
  EXPECT_TRUE(lora_targets(catalog().model("gpt3_175b", "")).empty());
}

TEST(TuningRules, ATargetThatTheModelLacks) {
  const std::string text = said([](Request& r) { r.lora_targets = {"q_proj", "v_prj"}; });
  EXPECT_NE(text.find("llama3_8b has no linear layer v_prj"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean v_proj"), std::string::npos) << text;
  EXPECT_NE(text.find("gate_proj, up_proj, down_proj, or all"), std::string::npos) << text;
  EXPECT_NE(said([](Request& r) { r.lora_targets = Names{}; }).find("no linear layer is named"), std::string::npos);
  EXPECT_NE(said([](Request& r) {
              r.model = "nemotron4_15b";
              r.lora_targets = {"gate_proj"};
            }).find("has no linear layer gate_proj"),
            std::string::npos);
}

TEST(TuningRules, OneAdapterForThreeAndOneForEach) {
  const std::string text = said([](Request& r) { r.lora_targets = {"qkv_proj", "k_proj"}; });
  EXPECT_NE(text.find("qkv_proj is one adapter for q, k and v, and k_proj would be a second"), std::string::npos)
      << text;
  EXPECT_EQ(said([](Request& r) { r.lora_targets = {"qkv_proj", "o_proj"}; }), "");
}

TEST(TuningRules, ARankWiderThanTheLinear) {
  const auto with = [](std::int64_t rank, const Names& targets) {
    return said([&](Request& r) {
      r.lora_rank = rank;
      r.lora_targets = targets;
    });
  };
  EXPECT_EQ(with(1024, {"k_proj"}), "");
  EXPECT_NE(with(1025, {"k_proj"}).find("rank 1025 is over the 1024 of k_proj (1024 x 4096)"), std::string::npos);
  EXPECT_EQ(with(1025, {"q_proj"}), "");
  EXPECT_NE(with(4097, {"qkv_proj"}).find("use a rank of at most 4096"), std::string::npos);
}

TEST(TuningRules, FlagsOfAnotherTask) {
  const auto with = [](Task task, const std::function<void(Request&)>& change) {
    return said([&](Request& r) {
      r.task = task;
      change(r);
    });
  };
  EXPECT_NE(with(Task::pretrain, [](Request& r) { r.lora_rank = 8; }).find("a job of task pretrain has no adapters"),
            std::string::npos);
  EXPECT_NE(with(Task::sft, [](Request& r) { r.lora_targets = {"q_proj"}; }).find("a job of task sft has no adapters"),
            std::string::npos);
  EXPECT_NE(with(Task::pretrain, [](Request& r) { r.packed = true; }).find("pre-training runs on full samples"),
            std::string::npos);
  EXPECT_EQ(with(Task::pretrain, [](Request& r) { r.packed = false; }), "");
}

}  // namespace
}  // namespace perfbench
