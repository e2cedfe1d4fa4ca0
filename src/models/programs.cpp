#include "models/programs.h"

#include <algorithm>
#include <concepts>
#include <utility>

#include "base/error.h"
#include "models/blocks.h"
#include "models/ends/text.h"
#include "models/missing.h"
#include "models/stream.h"
#include "program/backward.h"
#include "program/passes.h"
#include "program/recompute.h"
#include "program/verify.h"

namespace perfbench {
namespace {

// All that the Program of a chunk depends on, of one job.
struct ChunkKind {
  std::vector<int> layers;  // indices of ModelSpec::kinds
  bool embedding = false, head = false;
  bool operator==(const ChunkKind&) const = default;
};

ChunkKind kind_of(const ModelSpec& model, const ChunkLayers& chunk) {
  check(chunk.first + chunk.count <= model.num_layers(), "programs: a chunk of layers that the model has not");
  const auto first = model.layers.begin() + chunk.first;
  return {.layers = {first, first + chunk.count}, .embedding = chunk.embedding, .head = chunk.head};
}

// What always says missing().
template <class Part>
concept Unbuilt = std::same_as<Part, Mla> || std::same_as<Part, Mamba2> || std::same_as<Part, SelfAndCross> ||
    std::same_as<Part, std::monostate>;

ValueId build_part(const Gqa& gqa, ValueId x, const BlockContext& context) { return build(gqa, x, context); }
ValueId build_part(const Dense& mlp, ValueId x, const BlockContext& context) { return build(mlp, x, context); }
ValueId build_part(const Moe& moe, ValueId x, const BlockContext& context) { return build(moe, x, context); }
ValueId build_part(const Unbuilt auto&, ValueId, const BlockContext&) {
  throw ProgramError("programs: a part of a layer that has no Program");
}

// What a part makes of the normed stream is pending in the stream then.
template <class Part>
void add_part(const BlockContext& context, Stream& stream, const Part& part, const NormNames& names,
              std::string_view module) {
  const std::string tensors = layer_module(context.names, module);
  const ValueId x = norm(context.build, stream, context.job.model, names, tensors);  // (T, H)
  stream.pending = std::visit([&](const auto& sort) { return build_part(sort, x, context); }, part);
}

void add_layer(const BlockContext& context, Stream& stream, const LayerSpec& layer, int number) {
  constexpr NormNames kInput{.weight = "input_norm", .bias = "input_norm_bias", .sum = "sum_in"};
  constexpr NormNames kPost{.weight = "post_norm", .bias = "post_norm_bias", .sum = "sum_mid"};
  context.build.enter_layer(number);
  add_part(context, stream, layer.mixer, kInput, "input_layernorm");
  const OpenModule mlp = context.build.module(std::holds_alternative<Moe>(layer.mlp) ? Module::moe : Module::mlp);
  add_part(context, stream, layer.mlp, kPost, "post_attention_layernorm");
}

// Where the stream starts. Gives the embedding's weight, if it is here.
ValueId add_input(const BlockContext& context, Program& program, Stream& stream, const ChunkKind& kind) {
  Builder& build = context.build;
  if (!kind.embedding) {
    stream.pending = program.input =
        build.boundary("input", {stream_tokens(context.job, build.policy()), context.job.model.hidden});
    return kNoValue;
  }
  const ValueId table = embedding_weight(context);
  program[table].shared = context.job.model.tied_embeddings && !kind.head;
  stream.pending = embed(context, table);
  return table;
}

// Where the stream ends. `table`: the embedding's weight, where the chunk has it.
void add_output(const BlockContext& context, Program& program, Stream& stream, const ChunkKind& kind, ValueId table) {
  if (!kind.head) {
    program.output = close(context.build, stream);
    return;
  }
  const bool tied = context.job.model.tied_embeddings;
  ValueId weight = table;
  if (!tied || table == kNoValue) {
    weight = head_weight(context);
    program[weight].shared = program[weight].copy = tied;
  }
  add_loss(context, program, stream, weight);
}

void add_passes(Program& program, const Policy& policy) {
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
}

Program build_kind(const Job& job, const ChunkKind& kind) {
  const Policy policy = policy_of(job);
  Program program;
  program.mesh = mesh_of(job);
  program.num_layers = static_cast<int>(kind.layers.size());
  program.offloaded_layers = std::min(policy.offload_layers, program.num_layers);
  Builder build(program, policy);
  const BlockContext context{.build = build, .job = job, .names = names_of(job.model)};
  Stream stream;
  const ValueId table = add_input(context, program, stream, kind);
  for (int layer = 0; layer < program.num_layers; ++layer) {
    const int of_kind = kind.layers[static_cast<std::size_t>(layer)];
    add_layer(context, stream, job.model.kinds[static_cast<std::size_t>(of_kind)], layer);
  }
  build.enter_layer(-1);
  add_output(context, program, stream, kind, table);
  add_passes(program, policy);
  return program;
}

}  // namespace

Program build_chunk(const Job& job, const ChunkLayers& chunk) { return build_kind(job, kind_of(job.model, chunk)); }

Plan build_plan(const Job& job) {
  if (const auto found = missing(job)) throw Unsupported(found->feature, found->what + " has no Program yet");
  Plan plan{.mesh = mesh_of(job),
            .pipeline = pipeline_shape(job),
            .policy = policy_of(job),
            .mbs = job.mbs,
            .seq_len = job.seq_len,
            .reserved = {.context_bytes = job.stack.constants.context_bytes,
                         .communicator_bytes = job.stack.constants.communicator_bytes,
                         .fragmentation = job.stack.constants.fragmentation}};
  std::vector<ChunkKind> kinds;
  for (const ChunkLayers& chunk : job.chunks) {
    ChunkKind kind = kind_of(job.model, chunk);
    const auto known = std::ranges::find(kinds, kind);
    plan.chunks.push_back({.kind = static_cast<int>(known - kinds.begin()), .first_layer = chunk.first});
    if (known != kinds.end()) continue;
    plan.kinds.push_back(build_kind(job, kind));
    kinds.push_back(std::move(kind));
  }
  verify(plan.kinds);
  return plan;
}

}  // namespace perfbench
