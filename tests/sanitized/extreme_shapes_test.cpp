// Sizes at and beyond the documented limits: refused by name, or counted without overflow. The units that count are
// compiled for this binary with the undefined-behaviour sanitizer, which ends it at the first overflow.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cost/op_time.h"
#include "job/config_keys.h"
#include "job/request_fields.h"
#include "job/resolve.h"
#include "models/programs.h"
#include "program/liveness.h"
#include "program/traffic.h"
#include "sim/memory.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

const fs::path kData = PERFBENCH_SOURCE_DIR "/model_configs";

const Catalog& catalog() {
  static const Catalog kCatalog(kData);
  return kCatalog;
}

// A file of its own for this process.
const fs::path& config_file() {
  static const fs::path kFile =
      fs::temp_directory_path() / ("perfbench_shapes_" + std::to_string(::getpid()) + ".json");
  return kFile;
}

class ExtremeShapes : public testing::Test {
 protected:
  void TearDown() override { fs::remove(config_file()); }

  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  bool once_in(std::uint64_t count) { return below(count) == 0; }
  // Powers of two divide each other; now and then a number beside one, or none that fits anywhere.
  std::int64_t size(int most_bits) {
    if (once_in(200)) return once_in(2) ? std::numeric_limits<std::int64_t>::max() : -1;
    const std::int64_t power = std::int64_t{1} << below(static_cast<std::uint64_t>(most_bits) + 2);
    return once_in(30) ? power + 1 : power;
  }

  std::mt19937_64 random_{14};
};

void write_config(const Json& config) { std::ofstream(config_file()) << dump_json(config); }

Json config_of(const std::string& model) { return read_json(kData / "models" / model / "config.json"); }

void set(Json& config, std::string_view key, std::int64_t value) {
  for (auto& [name, member] : std::get<Json::Object>(config.value))
    if (name == key) member = value;
}

// Everything that counts elements, bytes or times of the job, but the clock over more microbatches than a test waits
// for.
void count_everything(Job job) {
  constexpr int kPlayed = 64;
  if (job.num_microbatches * std::int64_t{job.num_flushes} > kPlayed) {
    job.num_microbatches = job.layout.vp > 1 ? job.layout.pp : 1;
    job.num_flushes = 1;
  }
  const Plan plan = build_plan(job);
  for (const Program& program : plan.kinds) {
    const Liveness live = liveness(program);
    EXPECT_GE(std::min({live.saved_bytes, live.forward_peak_bytes, live.backward_peak_bytes}), 0);
    EXPECT_GT(state_bytes(program, StateKind::weight), 0);
    for (const auto* nodes : {&program.forward, &program.backward, &program.optimizer})
      for (const Node& node : *nodes)
        for (const Group group : kGroups) EXPECT_GE(traffic(node.op, program).group[group].bytes, 0);
  }
  for (const StageMemoryBytes& stage : replay_memory(plan)) {
    EXPECT_TRUE(std::isfinite(stage.total()));
    for (const double bytes : {stage.parameters, stage.gradients, stage.optimizer, stage.activations, stage.workspace})
      EXPECT_GE(bytes, 0.0);
  }
  const CostModel cost = cost_model(job, read_kernel_constants(catalog().kernel_constants(job.system)));
  const double step_time_s = simulate(plan, cost).step_time_s;
  EXPECT_TRUE(std::isfinite(step_time_s) && step_time_s > 0.0);
}

// Whether the request became a Job with Programs. What is refused names its rule.
bool counted(const Request& request) {
  try {
    count_everything(make_job(request, catalog()));
    return true;
  } catch (const InputError& error) {
    for (const Problem& problem : error.problems()) EXPECT_FALSE(problem.where.empty() || problem.what.empty());
  } catch (const Unsupported& problem) {
    EXPECT_FALSE(problem.feature().empty());
  }
  return false;
}

// Every whole number of every model's file, by and by.
TEST_F(ExtremeShapes, OfAnyConfigFileAreRefusedByNameOrCounted) {
  int read = 0, refused = 0;
  for (const std::string& name : catalog().model_names()) {
    const Json config = config_of(name);
    for (int round = 0; round < 30; ++round) {
      Json changed = config;
      for (auto& [key, value] : std::get<Json::Object>(changed.value))
        if (std::holds_alternative<std::int64_t>(value.value) && once_in(3)) value = size(20);
      write_config(changed);
      try {
        const std::int64_t params = matmul_and_embedding_params(read_model(config_file()));
        EXPECT_TRUE(params > 0 && static_cast<double>(params) <= kMostParams) << params;
        ++read;
      } catch (const InputError& error) {
        for (const Problem& problem : error.problems())
          EXPECT_EQ(problem.where.find(config_file().string()), 0U) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

// The largest sizes of each range at once: no single one is out of range.
TEST_F(ExtremeShapes, OfTheLargestFileOfEachFamilyAreTooManyParameters) {
  const std::vector<std::pair<std::string_view, std::int64_t>> largest = {{"hidden_size", kSizes.most},
                                                                          {"intermediate_size", kSizes.most},
                                                                          {"num_hidden_layers", kLayers.most},
                                                                          {"num_attention_heads", kHeads.most},
                                                                          {"num_key_value_heads", kHeads.most},
                                                                          {"head_dim", kSizes.most},
                                                                          {"vocab_size", kVocab.most},
                                                                          {"moe_intermediate_size", kSizes.most},
                                                                          {"num_experts", kExperts.most},
                                                                          {"num_local_experts", kExperts.most},
                                                                          {"n_routed_experts", kExperts.most},
                                                                          {"q_lora_rank", kSizes.most},
                                                                          {"kv_lora_rank", kSizes.most},
                                                                          {"qk_nope_head_dim", kSizes.most},
                                                                          {"v_head_dim", kSizes.most},
                                                                          {"n_embd", kSizes.most},
                                                                          {"n_inner", kSizes.most},
                                                                          {"n_layer", kLayers.most},
                                                                          {"n_head", kHeads.most},
                                                                          {"num_layers", kLayers.most},
                                                                          {"attention_head_dim", 4096},
                                                                          {"ffn_dim", kSizes.most},
                                                                          {"text_dim", kSizes.most},
                                                                          {"in_channels", 65536},
                                                                          {"out_channels", 65536}};
  for (const char* model : {"llama3_8b", "mixtral_8x7b", "deepseek_v3", "qwen3_30b_a3b", "gpt3_175b", "wan2p1_14b"}) {
    Json config = config_of(model);
    for (const auto& [key, value] : largest) set(config, key, value);
    write_config(config);
    try {
      read_model(config_file());
      ADD_FAILURE() << model << " is taken";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("parameters, more than 1125899906842624"), std::string::npos)
          << model << ": " << error.what();
    }
  }
}

TEST_F(ExtremeShapes, OfRotaryScalingAreWholeNumbersInRange) {
  for (const double positions : {1e300, -1e300, 0x1p63, 0x1p30 + 1.0}) {
    Json config = config_of("llama3_8b");
    config.set("rope_scaling", Json::Object{{"rope_type", "llama3"},
                                            {"factor", 8.0},
                                            {"low_freq_factor", 1.0},
                                            {"high_freq_factor", 4.0},
                                            {"original_max_position_embeddings", positions}});
    write_config(config);
    EXPECT_THROW(read_model(config_file()), InputError) << positions;
  }
}

TEST_F(ExtremeShapes, OfAnyJobAreRefusedByNameOrCounted) {
  int jobs = 0, refused = 0;
  for (int round = 0; round < 2000; ++round) {
    Json config = config_of(std::array{"llama3_8b", "gpt3_175b", "qwen3_8b", "nemotron4_15b"}[below(4)]);
    for (const char* key : {"hidden_size", "intermediate_size", "n_embd", "head_dim"}) set(config, key, size(18));
    for (const char* key : {"vocab_size", "max_position_embeddings", "n_positions"}) set(config, key, size(24));
    const std::int64_t heads = size(11);
    for (const char* key : {"num_attention_heads", "num_key_value_heads", "n_head"}) set(config, key, heads);
    for (const char* key : {"num_hidden_layers", "n_layer"}) set(config, key, size(once_in(8) ? 9 : 4));
    write_config(config);

    Request request;
    request.model = config_file().string();
    request.system = std::array{"h100", "b200"}[below(2)];
    request.stack = std::array{"megatron", "automodel", "perfbench"}[below(3)];
    request.dtype = std::array{"bf16", "fp8cs"}[below(2)];
    request.task = std::array{Task::pretrain, Task::sft, Task::lora}[below(3)];
    request.tp = size(3);
    request.pp = size(2);
    request.cp = size(2);
    request.vp = once_in(4) ? size(2) : 1;
    std::int64_t one_replica = 1;
    for (const auto& axis : {request.tp, request.pp, request.cp}) one_replica *= std::clamp<std::int64_t>(*axis, 1, 64);
    request.num_gpus = one_replica << below(8);
    request.mbs = size(once_in(2) ? 2 : 29);
    request.seq_len = size(once_in(2) ? 14 : 29);
    request.ga = size(once_in(2) ? 3 : 29);
    request.fsdp = once_in(3);
    if (request.task == Task::lora) request.lora_rank = size(19);
    ++(counted(request) ? jobs : refused);
  }
  EXPECT_GT(jobs, 120);
  EXPECT_GT(refused, 120);
}

Request small_job() {
  Request request;
  request.model = "llama3_8b";
  request.system = "h100";
  request.dtype = "bf16";
  request.num_gpus = request.gbs = request.mbs = 1;
  return request;
}

std::string refusal(const Request& request) {
  try {
    make_job(request, catalog());
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// 34 times the widest row, which is the vocabulary of 128256, of each token: the limit lies between 2^31 tokens and
// twice as many.
TEST_F(ExtremeShapes, OfActivationsAreLimitedByTokensTimesRowsTimesLayers) {
  Request request = small_job();
  request.seq_len = limits_of("seq_len").most;
  EXPECT_TRUE(counted(request));
  request.mbs = request.gbs = 4;
  EXPECT_NE(
      refusal(request).find("a microbatch of mbs 4 x seq_len 1073741824 / cp 1 tokens in 32 layers with rows of up "
                            "to 128256 elements holds 1.87e+16 of them, more than 18014398509481984"),
      std::string::npos)
      << refusal(request);
  request.cp = request.num_gpus = 2;
  EXPECT_TRUE(counted(request)) << "a rank has half of the sequence";
  request.mbs = request.gbs = limits_of("mbs").most;
  EXPECT_NE(refusal(request), "");
}

TEST_F(ExtremeShapes, OfSchedulesAreLimitedBySlots) {
  Request request = small_job();
  request.num_gpus = request.pp = 2;
  request.gbs = limits_of("gbs").most;
  EXPECT_EQ(refusal(request), "");
  request.vp = 4;
  EXPECT_NE(refusal(request).find("1073741824 microbatches x vp 4 = 4294967296 forward slots of a stage, more than "
                                  "1073741824"),
            std::string::npos)
      << refusal(request);
  request.gbs = *request.gbs / 4;
  EXPECT_EQ(refusal(request), "");
}

}  // namespace
}  // namespace perfbench
