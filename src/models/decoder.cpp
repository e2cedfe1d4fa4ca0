#include "models/decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "job/lora_targets.h"
#include "models/blocks/block.h"
#include "program/backward.h"
#include "program/builder.h"
#include "program/passes.h"
#include "program/recompute.h"
#include "program/verify.h"

namespace perfbench {
namespace {

std::int64_t local_tokens(const LocalShape& shape, const Program& program, const Policy& policy) {
  const std::int64_t tokens = shape.batch * shape.seq;
  return policy.sequence_parallel ? tokens / program.axis_size[Axis::tp] : tokens;
}

// The vocabulary is padded so that every tp rank holds as many rows, in multiples of 128.
std::int64_t local_vocab(const Job& job) {
  const std::int64_t unit = std::int64_t{128} * job.layout.tp;
  return (job.model.vocab + unit - 1) / unit * 128;
}

// (V, H) rows split over tp, of the embedding or of the head.
ValueId vocab_weight(Builder& build, const Job& job, const char* name, const char* tensor) {
  const std::int64_t rows = local_vocab(job);
  return build.weight(name, {rows, job.model.hidden}, split(0),
                      {Piece{.tensor = tensor, .rows = rows, .model_rows = job.model.vocab}});
}

// A row of the table of learned positions for each row of the stream. (T, H)
ValueId learned_positions(Builder& build, const Job& job, const LocalShape& shape) {
  const ModelSpec& model = job.model;
  const ValueId positions = build.data(Datum::stream_position, {local_tokens(shape, build.program(), build.policy())});
  const ValueId table = build.weight("position_table", {model.max_positions, model.hidden}, kReplicated,
                                     {whole_rows(shape.tensors.positions.weight, model.max_positions)});
  const Embedding op{.tokens = {positions}, .weight = {table}};
  return build.emit(op, {"positioned"}).out.id;
}

ValueId embedding(Builder& build, const Job& job, const LocalShape& shape, ValueId weight) {
  const ValueId ids = build.data(Datum::token, {shape.batch * shape.seq});
  const Embedding op = build.emit(Embedding{.tokens = {ids}, .weight = {weight}}, {"embedded"});
  const ValueId tokens = build.scatter_seq(op.out.id, "embedded");
  if (job.model.positions != Positions::learned) return tokens;
  const Add sum{.a = {tokens}, .b = {learned_positions(build, job, shape)}};
  return build.emit(sum, {"embedded_sum"}).out.id;
}

void head(Builder& build, Stream& stream, const LocalShape& shape, Program& program, ValueId weight,
          std::int64_t vocab) {
  const NormNames names{.weight = "final_norm", .bias = "final_norm_bias", .sum = "sum"};
  const ValueId x = build.gather_seq(norm(build, stream, shape, names, shape.tensors.final_norm));  // (T, H)
  const ValueId logits = build.emit(Matmul{.a = {x}, .b = {weight}}, {"logits"}).out.id;            // (T, V)
  const CrossEntropy op{.logits = {logits},
                        .targets = {build.data(Datum::target, {shape.batch * shape.seq})},
                        .weight = {build.data(Datum::loss_weight, {1})},
                        .vocab = vocab};
  program.loss = build.emit(op, {"loss", "lse"}).loss.id;
}

}  // namespace

void require_programs(const Job& job) {
  auto refuse = [&](bool missing, const std::string& feature, const std::string& reason) {
    if (missing) throw Unsupported(feature, reason + " has no Program yet");
  };
  const ModelSpec& model = job.model;
  check((job.task == Task::lora) == job.lora.has_value(), "require_programs: adapters belong to the task lora alone");
  const bool plain = std::all_of(model.layers.begin(), model.layers.end(), [](const LayerKind& kind) {
    return kind == LayerKind{Mixer::gqa, Mlp::dense};
  });
  refuse(model.moe.has_value(), "moe", "a model with experts (" + model.name + ")");
  refuse(!plain, "model family", "the layer pattern of " + model.family);
  refuse(model.sliding_window > 0, "sliding window", "attention within a window (" + model.name + ")");
  refuse(model.gated && model.activation != Activation::silu, "gated activation",
         "a gate with another activation than silu (" + model.name + ")");
  refuse(model.positions == Positions::none, "positions", "attention without positions (" + model.name + ")");
  const std::int64_t rotated = rotary_dim(model);
  refuse(model.positions == Positions::rope && (rotated == 0 || rotated % 2 != 0), "partial rotary",
         fmt::format("rotating {} of the {} dims of a head ({})", rotated, model.head_dim, model.name));
  refuse(model.rope_type != "default" && model.rope_type != "llama3", "rope " + model.rope_type,
         "rotary positions of the type " + model.rope_type);
  refuse(job.lora && lora_targets(model).empty(), "lora", "adapters beside the linear layers of " + model.family);
  const bool known =
      job.precision == Precision::fp32 || job.precision == Precision::bf16 || job.precision == Precision::fp8cs;
  refuse(!known, std::string(name(job.precision)), "the precision " + std::string(name(job.precision)));
  refuse(model.kv_heads % job.layout.tp != 0, "kv head copies", "more tp ranks than key/value heads");
  refuse(job.offload_layers > 0, "offload", "offloading activations");
}

Program build_chunk(const Job& job, const ChunkLayers& chunk) {
  const Policy policy = policy_of(job);
  const LocalShape shape = local_shape(job);
  Program program;
  program.axis_size = {{job.layout.tp, job.layout.cp, job.layout.ep, job.layout.dp}};
  program.num_layers = chunk.count;

  Builder build(program, policy);
  Stream stream;
  ValueId table = kNoValue;  // (V, H) embedding rows, split over tp
  if (chunk.embedding) {
    table = vocab_weight(build, job, "embed_tokens", shape.tensors.embedding.weight);
    program[table].shared = job.model.tied_embeddings && !chunk.head;
    stream.pending = embedding(build, job, shape, table);
  } else {
    program.input = build.boundary("input", {local_tokens(shape, program, policy), shape.hidden});
    stream.pending = program.input;
  }
  for (int layer = 0; layer < chunk.count; ++layer) {
    build.enter_layer(layer);
    attention_block(build, stream, shape);
    mlp_block(build, stream, shape);
  }
  build.enter_layer(-1);
  if (chunk.head) {
    const bool tied = job.model.tied_embeddings;
    ValueId weight = table;
    if (!tied || table == kNoValue) {
      const TensorNames& names = shape.tensors;
      weight = vocab_weight(build, job, "lm_head", tied ? names.embedding.weight : names.head.weight);
      program[weight].shared = program[weight].copy = tied;
    }
    head(build, stream, shape, program, weight, job.model.vocab);
  } else if (stream.residual != kNoValue) {
    const Add close{.a = {stream.residual}, .b = {stream.pending}};
    program.output = build.emit(close, {"output"}).out.id;
  } else {
    program.output = stream.pending;
  }
  derive_backward(program, policy);
  recompute(program, policy);
  if (policy.fused_grad_accumulation) fuse_grad_accumulation(program);
  if (policy.fused_adapter_gradients) fuse_adapter_gradients(program);
  if (policy.fsdp) {
    shard_parameters(program, policy);
  } else {
    add_data_parallel(program, policy);
  }
  add_optimizer(program, policy);
  verify(program);
  return program;
}

JobPrograms build_programs(const Job& job) {
  require_programs(job);
  JobPrograms programs;
  std::vector<ChunkLayers> built;
  for (const ChunkLayers& chunk : job.chunks) {
    const auto alike = [&](const ChunkLayers& other) {
      return other.count == chunk.count && other.embedding == chunk.embedding && other.head == chunk.head;
    };
    const auto it = std::find_if(built.begin(), built.end(), alike);
    programs.kind_of.push_back(static_cast<int>(it - built.begin()));
    if (it != built.end()) continue;
    built.push_back(chunk);
    programs.kinds.push_back(build_chunk(job, chunk));
  }
  verify(programs.kinds);
  return programs;
}

}  // namespace perfbench
