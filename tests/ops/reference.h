// A forward in float64 through LibTorch's autograd, op by op, by other formulas than the engine's. Letters: T tokens,
// H width, S positions, B samples, k key/value heads, g query heads that share one, D head dim.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/torch/tensors.h"
#include "program/op.h"
#include "program/program.h"

namespace perfbench {

// The numbers that remain of x in a format of 8 bits when its largest magnitude becomes the format's largest.
inline torch::Tensor in_fp8(const torch::Tensor& x, DType dtype) {
  const double largest = dtype == DType::f8e5m2 ? 57344.0 : 448.0;
  const torch::Tensor narrow = x.detach().to(torch::kFloat);
  const torch::Tensor scale = narrow.abs().max() / largest;
  return (narrow / scale).to(scalar_type(dtype)).to(torch::kDouble) * scale.to(torch::kDouble);
}

// The same as a function whose gradient is that of x itself.
inline torch::Tensor through_fp8(const torch::Tensor& x, DType dtype) { return x + (in_fp8(x, dtype) - x).detach(); }

class Reference {
 public:
  // Leaves of the graph: float inputs and weights in float64, data as it is.
  Reference(const Program& program, const std::vector<torch::Tensor>& inputs) : program_(program), values_(inputs) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Value& value = program.values[i];
      if (value.role != Role::boundary && value.state != StateKind::weight) continue;
      values_[i] = inputs[i].to(torch::kDouble).requires_grad_(true);
    }
    for (const Node& node : program.forward) std::visit([this](const auto& op) { compute(op); }, node.op);
  }

  torch::Tensor operator[](ValueId id) const { return values_[static_cast<std::size_t>(id)]; }

 private:
  torch::Tensor of(In operand) const { return (*this)[operand.id]; }
  void set(ValueId id, const torch::Tensor& value) {
    if (id != kNoValue) values_[static_cast<std::size_t>(id)] = value;
  }

  void compute(const Embedding& op) {
    const torch::Tensor weight = of(op.weight);
    set(op.out.id, torch::one_hot(of(op.tokens), weight.size(0)).to(torch::kDouble).matmul(weight));
  }
  void compute(const RmsNorm& op) {
    torch::Tensor sum = of(op.x);
    if (op.residual.id != kNoValue) sum = sum + of(op.residual);
    set(op.sum.id, sum);
    set(op.y.id, torch::rms_norm(sum, {sum.size(1)}, of(op.weight), op.eps));
  }
  void compute(const Matmul& op) {
    const torch::Tensor b = of(op.b);
    torch::Tensor out = torch::einsum("mk,nk->mn", {of(op.a), op.transpose_b ? b : b.t()});
    // Both gradient products see dy in FP8; the bias sees it as it is.
    if (op.scale_a.id != kNoValue) {
      out.register_hook([](const torch::Tensor& dy) { return in_fp8(dy, DType::f8e5m2); });
    }
    set(op.out.id, op.bias.id == kNoValue ? out : out + of(op.bias));
  }
  void compute(const AddBias& op) { set(op.out.id, of(op.x) + of(op.bias)); }
  void compute(const Add& op) { set(op.out.id, of(op.a) + of(op.b)); }
  void compute(const Transpose& op) { set(op.out.id, of(op.x).t()); }

  // Elements i and i + R / 2 of the R rotated dims of a head are one complex number, turned by p theta^(-2 i / R).
  void compute(const Rope& op) {
    const torch::Tensor qkv = of(op.qkv), positions = of(op.positions);
    const std::int64_t turned = op.heads.heads + op.heads.kv_heads, dim = op.rotary_dim;
    const torch::Tensor heads = qkv.view({-1, turned + op.heads.kv_heads, op.heads.head_dim});
    const torch::Tensor pairs = heads.slice(1, 0, turned).slice(2, 0, dim).unflatten(2, {2, dim / 2});
    torch::Tensor angle = torch::zeros({heads.size(0), 1, dim / 2}, torch::kDouble);
    for (std::int64_t t = 0; t < heads.size(0); ++t) {
      for (std::int64_t i = 0; i < dim / 2; ++i) {
        angle[t][0][i] =
            positions[t].item<double>() / std::pow(op.theta, 2.0 * static_cast<double>(i) / static_cast<double>(dim));
      }
    }
    const torch::Tensor rotated =
        torch::complex(pairs.select(2, 0), pairs.select(2, 1)) * torch::polar(torch::ones_like(angle), angle);
    const torch::Tensor qk =
        torch::cat({torch::real(rotated), torch::imag(rotated), heads.slice(1, 0, turned).slice(2, dim)}, 2);
    set(op.out.id, torch::cat({qk, heads.slice(1, turned)}, 1).view_as(qkv));
  }

  void compute(const Attention& op) {
    const std::int64_t n = op.heads.heads, k = op.heads.kv_heads, dim = op.heads.head_dim;
    const torch::Tensor heads = of(op.qkv).view({op.seq, op.batch, n + 2 * k, dim});
    const torch::Tensor q = heads.slice(2, 0, n).unflatten(2, {k, n / k});  // (S, B, k, g, D)
    torch::Tensor scores = torch::einsum("sbkgd,tbkd->bkgst", {q, heads.slice(2, n, n + k)}) / std::sqrt(dim);
    if (op.causal) {
      const torch::Tensor later = torch::ones({op.seq, op.seq}, torch::kBool).triu(1);
      scores = scores.masked_fill(later, -INFINITY);
    }
    if (op.starts.id != kNoValue) {  // tokens of one sub-sequence have one start
      const torch::Tensor starts = of(op.starts).view({op.seq, op.batch}).t();  // (B, S)
      const torch::Tensor others = starts.unsqueeze(2).ne(starts.unsqueeze(1)).view({op.batch, 1, 1, op.seq, op.seq});
      scores = scores.masked_fill(others, -INFINITY);
    }
    const torch::Tensor mixed = torch::einsum("bkgst,tbkd->sbkgd", {torch::softmax(scores, -1), heads.slice(2, n + k)});
    set(op.out.id, mixed.reshape({op.seq * op.batch, n * dim}));
  }

  void compute(const LayerNorm& op) {
    torch::Tensor sum = of(op.x);
    if (op.residual.id != kNoValue) sum = sum + of(op.residual);
    set(op.sum.id, sum);
    set(op.y.id, torch::layer_norm(sum, {sum.size(1)}, of(op.weight) + op.weight_offset, of(op.bias), op.eps));
  }

  void compute(const QkNorm& op) {
    const std::int64_t n = op.heads.heads, k = op.heads.kv_heads, dim = op.heads.head_dim;
    const torch::Tensor heads = of(op.qkv).view({-1, n + 2 * k, dim});
    const torch::Tensor q = torch::rms_norm(heads.slice(1, 0, n), {dim}, of(op.q_weight), op.eps);
    const torch::Tensor key = torch::rms_norm(heads.slice(1, n, n + k), {dim}, of(op.k_weight), op.eps);
    set(op.out.id, torch::cat({q, key, heads.slice(1, n + k)}, 1).view_as(of(op.qkv)));
  }

  void compute(const Activate& op) {
    const torch::Tensor x = of(op.x);
    switch (op.activation) {
      case Activation::silu:
        return set(op.y.id, x * torch::sigmoid(x));
      case Activation::relu2:
        return set(op.y.id, torch::clamp_min(x, 0.0).square());
      case Activation::gelu:
        return set(op.y.id, 0.5 * x * (1.0 + torch::erf(x / std::sqrt(2.0))));
      case Activation::gelu_tanh:
        return set(op.y.id, 0.5 * x * (1.0 + torch::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x.pow(3)))));
    }
  }

  void compute(const AddMatmul& op) {
    const torch::Tensor b = of(op.b);
    set(op.out.id, of(op.c) + torch::einsum("mk,nk->mn", {of(op.a), op.transpose_b ? b : b.t()}));
  }

  // One adapter at a time.
  void compute(const AdapterUp& op) {
    const torch::Tensor h = of(op.h), b = of(op.b);
    const std::int64_t rank = b.size(1);
    torch::Tensor added = torch::zeros_like(of(op.base));
    std::int64_t column = 0, row = 0, adapter = 0;
    for (const auto& [width, adapted] : op.columns) {
      if (adapted) {
        const torch::Tensor part = h.narrow(1, adapter * rank, rank).matmul(b.narrow(0, row, width).t());
        added = torch::cat({added.slice(1, 0, column), part, added.slice(1, column + width)}, 1);
        row += width;
        ++adapter;
      }
      column += width;
    }
    set(op.out.id, of(op.base) + op.scale * added);
  }

  void compute(const SwiGlu& op) {
    const auto halves = of(op.x).chunk(2, 1);
    const torch::Tensor y = halves[0] * torch::sigmoid(halves[0]) * halves[1];
    set(op.y.id, op.weights.id == kNoValue ? y : y * of(op.weights).unsqueeze(1));
  }

  // Drawn logits have the gradient of those that they stand for.
  void compute(const Route& op) {
    torch::Tensor logits = of(op.logits);
    if (op.numbers.id != kNoValue) {
      const torch::Tensor drawn = torch::empty_like(logits).detach();
      for (std::int64_t t = 0; t < logits.size(0); ++t) {
        for (std::int64_t x = 0; x < logits.size(1); ++x) {
          const std::int64_t place = of(op.numbers)[t].item<std::int64_t>() * logits.size(1) + x;
          drawn[t][x] = static_cast<double>(random_at(op.salt, place) >> 40U) * 0x1p-24;
        }
      }
      logits = logits + (drawn - logits).detach();
    }
    const torch::Tensor scores = torch::softmax(logits, 1);
    const auto [best, choices] = torch::sort(scores, true, 1, true);
    torch::Tensor weights = best.slice(1, 0, op.top_k);
    if (op.normalised) weights = weights / weights.sum(1, true);
    set(op.choices.id, choices.slice(1, 0, op.top_k));
    set(op.weights.id, weights);
  }

  // Choice by choice: an expert takes it unless enough others that want the same place go before it.
  void compute(const PlaceRows& op) {
    const torch::Tensor choices = of(op.choices).reshape({-1});
    const torch::Tensor weights = op.weights.id == kNoValue ? choices : of(op.weights).detach().reshape({-1});
    const std::int64_t num = choices.numel();
    std::vector<std::int64_t> counts(static_cast<std::size_t>(op.experts)), places(static_cast<std::size_t>(num), -1);
    std::int64_t row = 0;
    for (std::int64_t expert = 0; expert < op.experts; ++expert) {
      std::int64_t taken = 0;
      for (std::int64_t c = 0; c < num; ++c) {
        if (choices[c].item<std::int64_t>() != expert) continue;
        std::int64_t before = 0;
        for (std::int64_t other = 0; other < num; ++other) {
          if (choices[other].item<std::int64_t>() != expert) continue;
          const double theirs = weights[other].item<double>(), own = weights[c].item<double>();
          before += theirs > own || (theirs == own && other < c) ? 1 : 0;
        }
        if (op.capacity > 0 && before >= op.capacity) continue;
        places[static_cast<std::size_t>(c)] = row + taken++;
      }
      counts[static_cast<std::size_t>(expert)] = taken;
      row += op.capacity > 0 ? op.capacity : taken;
    }
    set(op.places.id, torch::tensor(places, torch::kLong).view_as(of(op.choices)));
    set(op.counts.id, torch::tensor(counts, torch::kLong).view({1, -1}));
  }
  void compute(const ShareCounts& op) { set(op.all.id, of(op.counts)); }

  // (R, T k): 1 where a row is a choice's.
  torch::Tensor row_of_choice(In places, std::int64_t rows) const {
    const torch::Tensor flat = of(places).reshape({-1});
    return torch::arange(rows).unsqueeze(1).eq(flat.unsqueeze(0)).to(torch::kDouble);
  }
  void compute(const Permute& op) {
    const torch::Tensor taken = row_of_choice(op.places, op.num_rows);
    set(op.rows.id, taken.matmul(of(op.x).repeat_interleave(of(op.places).size(1), 0)));
    if (op.weights.id != kNoValue) set(op.row_weights.id, taken.matmul(of(op.weights).reshape({-1})));
  }
  void compute(const Unpermute& op) {
    const torch::Tensor rows = of(op.rows);
    const torch::Tensor of_choices = row_of_choice(op.places, rows.size(0)).t().matmul(rows);
    set(op.y.id, of_choices.view({-1, of(op.places).size(1), rows.size(1)}).sum(1));
  }
  // One rank has all experts, and hears of itself alone.
  void compute(const AllToAll& op) {
    set(op.out.id, of(op.x));
    if (op.weights.id != kNoValue) set(op.out_weights.id, of(op.weights));
  }
  void compute(const Regroup& op) {
    set(op.out.id, of(op.x));
    if (op.weights.id != kNoValue) set(op.out_weights.id, of(op.weights));
  }
  void compute(const GroupedMatmul& op) {
    const torch::Tensor a = of(op.a), b = of(op.b);
    std::vector<torch::Tensor> parts;
    std::int64_t first = 0;
    for (std::int64_t expert = 0; expert < b.size(0); ++expert) {
      const bool equal = op.counts.id == kNoValue;
      const std::int64_t rows = equal ? a.size(0) / b.size(0) : of(op.counts)[0][expert].item<std::int64_t>();
      parts.push_back(torch::einsum("rk,nk->rn", {a.slice(0, first, first + rows), b[expert]}));
      first += rows;
    }
    set(op.out.id, torch::cat(parts));
  }

  // Quantised values stand here as the numbers they mean; scales are not needed.
  void compute(const Quantize& op) {
    const torch::Tensor q = through_fp8(of(op.x), op.dtype);
    set(op.q.id, q);
    set(op.q_t.id, q.t());
  }
  void compute(const CastWeight& op) {
    const torch::Tensor q = through_fp8(of(op.weight), DType::f8e4m3);
    set(op.q.id, q);
    set(op.q_t.id, q.t());
  }

  void compute(const CrossEntropy& op) {
    namespace F = torch::nn::functional;
    const auto options = F::CrossEntropyFuncOptions().reduction(torch::kSum).ignore_index(-100);
    set(op.loss.id, F::cross_entropy(of(op.logits).slice(1, 0, op.vocab), of(op.targets), options) * of(op.weight));
  }

  // What a backward or the optimizer does is autograd's here; collectives have no case.
  template <class OpType>
  void compute(const OpType&) requires(
      requires(OpType op) { op.main_grad; } || requires(OpType op) { op.main_grads; } ||
      std::is_same_v<OpType, GatherParams> || std::is_same_v<OpType, GatherShards> || requires(OpType op) { op.dw; } ||
      requires(OpType op) { op.dqkv; } || requires(OpType op) { op.dx; } || requires(OpType op) { op.dh; } ||
      requires(OpType op) { op.db; } || requires(OpType op) { op.dlogits; } || std::is_same_v<OpType, AllGather> ||
      std::is_same_v<OpType, ReduceScatter> || std::is_same_v<OpType, AllReduce>) {
    throw std::logic_error(std::string(OpType::kName) + ": has no reference");
  }

  const Program& program_;
  std::vector<torch::Tensor> values_;
};

}  // namespace perfbench
