// Which experts a token goes to, and where its rows lie. Letters: T tokens, E experts, k of them a token, C rows that
// an expert takes.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "engine/torch/fused.h"
#include "engine/torch/ops.h"
#include "engine/torch/random_numbers.h"

namespace perfbench {
namespace {

at::TensorOptions whole_numbers(const at::Tensor& like) { return like.options().dtype(at::kLong); }

// Of token n and expert x: the 24 highest bits of random_at(salt, n E + x), as a share of 2^24. The salt is that of the
// layer in the model.
at::Tensor drawn_logits(const at::Tensor& numbers, std::int64_t experts, std::int64_t salt) {
  const at::Tensor places = numbers.unsqueeze(1).mul(experts).add(at::arange(experts, whole_numbers(numbers)));
  const at::Tensor bits = random_at(at::full_like(places, salt), places).bitwise_right_shift(at::Scalar(40));
  return bits.bitwise_and(at::Scalar((std::int64_t{1} << 24) - 1)).to(at::kFloat).mul_(0x1p-24);
}

// (T, E) float32
at::Tensor scores(const auto& op, const Frame& frame) {
  const at::Tensor& logits = frame[op.logits];
  if (!Frame::has(op.numbers)) return at::softmax(logits, 1, at::kFloat);
  return at::softmax(drawn_logits(frame[op.numbers], logits.size(1), op.salt + frame.chunk.first_layer), 1);
}

// Where each element of `keys` stands when they are sorted, equal ones in their order.
at::Tensor sorted_order(const at::Tensor& keys, bool descending) {
  return std::get<1>(at::sort(keys, /*stable=*/true, /*dim=*/0, descending));
}

// (E): how many of `experts` are each, 0 to E - 1.
at::Tensor count(const at::Tensor& experts, std::int64_t num_experts) {
  return at::zeros({num_experts}, whole_numbers(experts)).scatter_add_(0, experts, at::full_like(experts, 1));
}

// Of elements that are sorted by `keys`, how many of the same key are before; in the order of the elements.
at::Tensor index_within(const at::Tensor& keys, const at::Tensor& order, std::int64_t num_keys) {
  const at::Tensor counts = count(keys, num_keys);
  const at::Tensor begins = counts.cumsum(0).sub_(counts);
  const at::Tensor indices =
      at::arange(order.numel(), whole_numbers(keys)) - begins.index_select(0, keys.index_select(0, order));
  return at::zeros_like(keys).scatter_(0, order, indices);
}

// (T k): the choices that find a place, by their weights.
at::Tensor kept(const at::Tensor& experts, const at::Tensor& weights, const PlaceRows& op) {
  const at::Tensor by_weight = sorted_order(weights, true);
  const at::Tensor order = by_weight.index_select(0, sorted_order(experts.index_select(0, by_weight), false));
  return index_within(experts, order, op.experts).lt(op.capacity);
}

}  // namespace

void run(const Route& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor all = scores(op, frame);
  const auto [sorted, order] = at::sort(all, /*stable=*/true, /*dim=*/1, /*descending=*/true);
  at::Tensor weights = sorted.narrow(1, 0, op.top_k).clone(at::MemoryFormat::Contiguous);
  if (op.normalised) weights.div_(weights.sum(1, true));
  frame.put(op.choices, order.narrow(1, 0, op.top_k).clone(at::MemoryFormat::Contiguous));
  frame.put(op.weights, weights);
}

void run(const RouteBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor all = scores(op, frame);       // (T, E)
  const at::Tensor& choices = frame[op.choices];  // (T, k)
  at::Tensor dchosen = frame[op.dweights];
  if (op.normalised) {  // w = p / s of the chosen scores p and their sum s
    const at::Tensor chosen = all.gather(1, choices), sum = chosen.sum(1, true);
    const at::Tensor common = at::mul(dchosen, chosen).sum(1, true).div_(sum);
    dchosen = dchosen.sub(common).div_(sum);
  }
  const at::Tensor dscores = at::zeros_like(all).scatter_(1, choices, dchosen);
  const at::Tensor common = at::mul(dscores, all).sum(1, true);
  frame.put(op.dlogits, dscores.sub(common).mul_(all).to(frame[op.logits].scalar_type()));
}

void run(const PlaceRows& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor& choices = frame[op.choices];
  const at::Tensor experts = choices.reshape({-1});  // (T k)
  at::Tensor places;
  if (op.capacity > 0) {
    const at::Tensor stays = kept(experts, frame[op.weights].reshape({-1}), op);
    const at::Tensor keys = at::where(stays, experts, op.experts);  // what is dropped comes last
    const at::Tensor index = index_within(keys, sorted_order(keys, false), op.experts + 1);
    places = at::where(stays, experts.mul(op.capacity).add_(index), -1);
  } else {
    const at::Tensor order = sorted_order(experts, false);
    places = at::zeros_like(experts).scatter_(0, order, at::arange(order.numel(), whole_numbers(experts)));
  }
  frame.put(op.places, places.view(choices.sizes()));
  frame.put(op.counts, count(experts, op.experts).unsqueeze_(0));
}

}  // namespace perfbench
