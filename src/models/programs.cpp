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
    std::same_as<Part, Moe> || std::same_as<Part, std::monostate>;

ValueId build_part(const Gqa& gqa, ValueId x, const BlockContext& context) { return build(gqa, x, context); }
ValueId build_part(const Dense& mlp, ValueId x, const BlockContext& context) { return build(mlp, x, context); }
ValueId build_part(const Unbuilt auto&, ValueId, const BlockContext&) {
  throw ProgramError("programs: a part of a layer that has no Program");
}

// One layer; what its MLP adds is pending in the stream.
void add_layer(const BlockContext& context, Stream& stream, const LayerSpec& layer, int number) {
  constexpr NormNames kInput{.weight = "input_norm", .bias = "input_norm_bias", .sum = "sum_in"};
  constexpr NormNames kPost{.weight = "post_norm", .bias = "post_norm_bias", .sum = "sum_mid"};
  const auto add = [&](const auto& part, const NormNames& names, std::string_view module) {
    const std::string tensors = layer_module(context.names, module);
    const ValueId x = norm(context.build, stream, context.job.model, names, tensors);  // (T, H)
    stream.pending = std::visit([&](const auto& sort) { return build_part(sort, x, context); }, part);
  };
  context.build.enter_layer(number, Block::attention);
  add(layer.mixer, kInput, "input_layernorm");
  context.build.enter_layer(number, Block::mlp);
  add(layer.mlp, kPost, "post_attention_layernorm");
}

const LayerSpec& spec(const ModelSpec& model, int kind) { return model.kinds.at(static_cast<std::size_t>(kind)); }

bool rotates(const LayerSpec& layer) {
  const auto* gqa = std::get_if<Gqa>(&layer.mixer);
  return gqa != nullptr && gqa->rotary.has_value();
}

// Where the stream starts, and the data that all layers read. Gives the embedding's weight, if it is here.
ValueId add_input(const BlockContext& context, Program& program, Stream& stream, const ChunkKind& kind) {
  const Job& job = context.job;
  Builder& build = context.build;
  ValueId table = kNoValue;
  if (kind.embedding) {
    table = embedding_weight(context);
    program[table].shared = job.model.tied_embeddings && !kind.head;
    stream.pending = embed(context, program, table);
  } else {
    program.input = build.boundary("input", {stream_tokens(job, build.policy()), job.model.hidden});
    stream.pending = program.input;
  }
  const std::int64_t tokens = job.mbs * (job.seq_len / job.layout.cp);
  if (std::ranges::any_of(kind.layers, [&](int index) { return rotates(spec(job.model, index)); }))
    program.positions = build.data("positions", {tokens});
  if (!kind.layers.empty() && job.packed) program.starts = build.data("starts", {tokens});
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
  program.axis_size = {{job.layout.tp, job.layout.cp, job.layout.ep, job.layout.dp}};
  program.num_layers = static_cast<int>(kind.layers.size());
  Builder build(program, policy);
  const BlockContext context{.build = build, .job = job, .names = names_of(job.model)};
  Stream stream;
  const ValueId table = add_input(context, program, stream, kind);
  for (int layer = 0; layer < program.num_layers; ++layer) {
    add_layer(context, stream, spec(job.model, kind.layers[static_cast<std::size_t>(layer)]), layer);
  }
  build.enter_layer(-1);
  add_output(context, program, stream, kind, table);
  add_passes(program, policy);
  return program;
}

}  // namespace

Program build_chunk(const Job& job, const ChunkLayers& chunk) { return build_kind(job, kind_of(job.model, chunk)); }

JobPrograms build_programs(const Job& job) {
  if (const auto found = missing(job)) throw Unsupported(found->feature, found->what + " has no Program yet");
  JobPrograms programs;
  std::vector<ChunkKind> kinds;
  for (const ChunkLayers& chunk : job.chunks) {
    ChunkKind kind = kind_of(job.model, chunk);
    const auto known = std::ranges::find(kinds, kind);
    programs.kind_of.push_back(static_cast<int>(known - kinds.begin()));
    if (known != kinds.end()) continue;
    programs.kinds.push_back(build_kind(job, kind));
    kinds.push_back(std::move(kind));
  }
  verify(programs.kinds);
  return programs;
}

}  // namespace perfbench
