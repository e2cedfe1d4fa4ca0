// A small Llama, or a model of another family, as a Job, for any layout of four layers: the same model and the same
// global batch.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/mock_data.h"
#include "engine/session.h"
#include "job/job.h"
#include "job/layer_split.h"
#include "job/stack.h"
#include "job/system_spec.h"
#include "models/programs.h"
#include "parity/places.h"

namespace perfbench {

// A test that opens the engine.
class WithEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (engine_library().empty()) GTEST_SKIP() << "the engine library is not built";
  }
};

struct TinyLlama {
  std::string name;
  int tp = 1, pp = 1, vp = 1, dp = 1;
  int flushes = 1;
  std::int64_t mbs = 1;
  Precision precision = Precision::fp32;
  bool tied = false, biases = false;
  bool sequence_parallel = true, distributed_optimizer = true, regather = true, fused = true;
  std::int64_t bucket_elements = 0;
  int layers = 4;
  int heads = 8;  // of the same width together; half as many key/value heads
  std::string family = "llama";
  bool fsdp = false, reshard = true, defer_reduce = false;
  int fsdp_size = 0;
  DType params = DType::bf16, grads = DType::bf16, moments = DType::f32;  // of what is not FP32 as a whole
  int recompute_layers = 0;
  std::vector<std::string> recompute_modules{};
  bool recompute_ops = false;
  bool recompute_whole_layer = false;
  int cp = 1;
  bool packed = false;
  int experts = 0, top_k = 2;  // in place of the dense MLP, each a quarter as wide
  int ep = 1, etp = 1;
  Gate gate = Gate::topk;
  double capacity = 0.0;
  int scale = 1;  // of all widths and of the sequence: at 16, heads are of 64 numbers, which fused attention knows
};

// Test names of a list of layouts; gtest prints it.
inline void PrintTo(const TinyLlama& tiny, std::ostream* out) { *out << tiny.name; }

// H 32, F 64, 8 heads and 4 key/value heads of 4 (or others of the same width together), vocabulary 101; 8 samples of
// 16 tokens a step; all but the vocabulary and the samples times the scale.
inline ModelSpec tiny_llama_model(const TinyLlama& tiny) {
  ModelSpec model;
  model.name = model.family = tiny.family;
  model.hidden = 32 * tiny.scale;
  Gqa gqa{.heads = tiny.heads, .kv_heads = tiny.heads / 2, .head_dim = 32 / tiny.heads * tiny.scale};
  Dense mlp{.ffn = 64 * tiny.scale};
  model.vocab = 101;
  model.tied_embeddings = tiny.tied;
  const bool gpt2 = tiny.family == "gpt2", nemotron = tiny.family == "nemotron";
  gqa.bias = gqa.out_bias = mlp.bias = tiny.biases || gpt2;
  gqa.packed_qkv = gpt2;
  if (!gpt2) gqa.rotary = Rotary{.share = nemotron ? 0.5 : 1.0};
  if (tiny.family == "qwen3") gqa.qk_norm = HeadNorm::per_head;
  if (gpt2 || nemotron) {
    mlp.gated = false;
    mlp.activation = gpt2 ? Activation::gelu_tanh : Activation::relu2;
    model.norm = gpt2 ? Norm::layer : Norm::layer1p;
    model.learned_positions = gpt2;
    model.max_positions = 16 * tiny.scale;
  }
  if (tiny.experts > 0) {
    const Moe moe{.experts = tiny.experts, .top_k = tiny.top_k, .ffn = mlp.ffn / 4, .normalised = true};
    add_layers(model, {.mixer = gqa, .mlp = moe}, tiny.layers);
    return model;
  }
  add_layers(model, {.mixer = gqa, .mlp = mlp}, tiny.layers);
  return model;
}

inline Job tiny_llama(const TinyLlama& tiny) {
  const auto configs = source_dir() / "model_configs";
  Job job;
  job.model = tiny_llama_model(tiny);
  job.system = read_system(configs / "systems" / "cpu.json", configs);
  job.stack = read_stack(configs / "stacks" / "perfbench.json", configs);
  job.stack.sequence_parallel = tiny.sequence_parallel;
  job.stack.distributed_optimizer = tiny.distributed_optimizer;
  job.stack.regather_in_backward = tiny.regather;
  job.stack.fused_grad_accumulation = tiny.fused;
  job.stack.bucket_elements = tiny.bucket_elements;
  job.stack.fsdp_reshard_after_forward = tiny.reshard;
  job.stack.fsdp_defer_grad_reduce = tiny.defer_reduce;
  job.stack.param_dtype = tiny.params;
  job.stack.main_grad_dtype = tiny.grads;
  job.stack.optimizer_state_dtype = tiny.moments;
  job.layout.fsdp = tiny.fsdp;
  job.layout.fsdp_size = tiny.fsdp_size;
  job.stack.recompute_whole_layer = tiny.recompute_whole_layer;
  job.recompute_layers = tiny.recompute_layers;
  job.recompute_modules = tiny.recompute_modules;
  job.recompute_ops = tiny.recompute_ops;
  job.precision = tiny.precision;
  job.layout.tp = tiny.tp;
  job.layout.pp = tiny.pp;
  job.layout.vp = tiny.vp;
  job.layout.dp = tiny.dp;
  job.layout.cp = tiny.cp;
  job.layout.ep = tiny.ep;
  job.layout.etp = tiny.etp;
  job.gate = tiny.gate;
  job.expert_capacity = tiny.capacity;
  job.num_gpus = tiny.tp * tiny.pp * tiny.dp * tiny.cp;
  job.packed = tiny.packed;
  job.seq_len = 16 * tiny.scale;
  job.gbs = 8;
  job.mbs = tiny.mbs;
  job.num_flushes = tiny.flushes;
  job.lbs = job.gbs / (tiny.dp * tiny.flushes);
  job.num_microbatches = static_cast<int>(job.lbs / tiny.mbs);
  job.chunks = split_layers(tiny.layers, tiny.pp * tiny.vp, job.stack).value();
  return job;
}

// Weights large enough that every op matters, norm weights around 1 and biases that are not 0: many wrong factors would
// leave the loss as it is otherwise.
inline HostTensor perturbed_weight(const HostTensor& parameter) {
  std::int64_t elements = 1;
  for (const std::int64_t size : parameter.shape) elements *= size;
  std::uint64_t stream = 0;
  for (const char c : parameter.name) stream = random_at(stream, static_cast<unsigned char>(c));
  const bool norm = parameter.name.find("norm") != std::string::npos;
  std::vector<float> values(static_cast<std::size_t>(elements));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share = static_cast<double>(random_at(stream, i) >> 11U) * 0x1p-53;  // 0 <= share < 1
    values[i] = static_cast<float>(norm ? 0.7 + 0.6 * share : 0.5 * (share - 0.5));
  }
  HostTensor tensor{.name = parameter.name, .dtype = DType::f32, .shape = parameter.shape, .data = {}};
  tensor.data.resize(values.size() * sizeof(float));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

inline void load_perturbed(Session& session) {
  const std::vector<HostTensor> parameters = session.parameters();
  session.load([&](const std::string& name) {
    for (const HostTensor& parameter : parameters) {
      if (parameter.name == name) return perturbed_weight(parameter);
    }
    throw std::logic_error("no parameter " + name);
  });
}

// A session with perturbed weights; `plan` must outlive it.
inline std::unique_ptr<Session> open_tiny(const Plan& plan, const SessionSettings& settings = {}) {
  auto session = open_session(engine_library(), plan, settings);
  load_perturbed(*session);
  return session;
}

inline std::vector<float> values_of(const HostTensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace perfbench
