#include "models/ends/text.h"

#include <string>

#include "models/pieces.h"

namespace perfbench {
namespace {

// The vocabulary is padded so that every tp rank holds as many rows, in multiples of 128.
std::int64_t local_vocab(const Job& job) {
  const std::int64_t unit = std::int64_t{128} * job.layout.tp;
  return (job.model.vocab + unit - 1) / unit * 128;
}

ValueId vocab_weight(const BlockContext& context, const char* name, std::string_view tensor) {
  const std::int64_t rows = local_vocab(context.job);
  Piece piece{.tensor = std::string(tensor), .rows = rows, .model_rows = context.job.model.vocab};
  return context.build.weight(name, {rows, context.job.model.hidden}, split(0), {std::move(piece)});
}

// A row of the table of learned positions for each row of the stream. (T, H)
ValueId learned_positions(const BlockContext& context) {
  const ModelSpec& model = context.job.model;
  Builder& build = context.build;
  const ValueId positions = build.data(Datum::stream_position, {stream_tokens(context.job, build.policy())});
  Piece piece = whole_rows(std::string(context.names.positions), model.max_positions);
  const ValueId table =
      build.weight("position_table", {model.max_positions, model.hidden}, kReplicated, {std::move(piece)});
  const Embedding op{.tokens = {positions}, .weight = {table}};
  return build.emit(op, {"positioned"}).out.id;
}

}  // namespace

ValueId embedding_weight(const BlockContext& context) {
  return vocab_weight(context, "embed_tokens", context.names.embedding);
}

ValueId head_weight(const BlockContext& context) {
  const bool tied = context.job.model.tied_embeddings;
  return vocab_weight(context, "lm_head", tied ? context.names.embedding : context.names.head);
}

ValueId embed(const BlockContext& context, ValueId weight) {
  Builder& build = context.build;
  const ValueId ids = build.data(Datum::token, {local_tokens(context.job)});
  const Embedding op = build.emit(Embedding{.tokens = {ids}, .weight = {weight}}, {"embedded"});
  const ValueId tokens = build.scatter_seq(op.out.id, "embedded");
  if (!context.job.model.learned_positions) return tokens;
  const Add sum{.a = {tokens}, .b = {learned_positions(context)}};
  return build.emit(sum, {"embedded_sum"}).out.id;
}

void add_loss(const BlockContext& context, Program& program, Stream& stream, ValueId weight) {
  Builder& build = context.build;
  const NormNames names{.weight = "final_norm", .bias = "final_norm_bias", .sum = "sum"};
  const ValueId normed = norm(build, stream, context.job.model, names, std::string(context.names.final_norm));
  const ValueId x = build.gather_seq(normed);                                             // (T, H)
  const ValueId logits = build.emit(Matmul{.a = {x}, .b = {weight}}, {"logits"}).out.id;  // (T, V)
  const CrossEntropy op{.logits = {logits},
                        .targets = {build.data(Datum::target, {local_tokens(context.job)})},
                        .weight = {build.data(Datum::loss_weight, {1})},
                        .vocab = context.job.model.vocab,
                        .eager = build.policy().eager_cross_entropy};
  program.loss = build.emit(op, {"loss", "lse"}).loss.id;
}

}  // namespace perfbench
