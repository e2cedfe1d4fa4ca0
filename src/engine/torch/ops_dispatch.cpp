// Rows on their way to their experts and back. Letters: T tokens, H width, k experts a token, R rows, S sources, e
// experts of this rank.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/split_with_sizes.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <functional>
#include <numeric>
#include <utility>

#include "engine/torch/fused.h"
#include "engine/torch/host_copy.h"
#include "engine/torch/ops.h"

namespace perfbench {
namespace {

using Parts = std::vector<std::int64_t>;

std::int64_t sum(const Parts& parts) { return std::accumulate(parts.begin(), parts.end(), std::int64_t{0}); }

// Numbers of one row, (R, H) or (R).
std::int64_t width(const ValueType& type) { return type.shape.rank == 2 ? type.shape[1] : 1; }

Parts elements(Parts rows, std::int64_t width) {
  for (std::int64_t& part : rows) part *= width;
  return rows;
}

// x with one more row, of zeros, which is what index -1 stands for.
at::Tensor with_zero_row(const at::Tensor& x) {
  at::DimVector row(x.sizes());
  row[0] = 1;
  return at::cat({x, at::zeros(row, x.options())});
}

// (R): the choice of a token, 0 to T k - 1, whose row lies there; T k where nobody's does.
at::Tensor choices_at(const at::Tensor& places, std::int64_t rows) {
  const at::Tensor flat = places.reshape({-1});
  const at::Tensor lost = at::where(flat.lt(0), rows, flat);
  return at::full({rows + 1}, flat.numel(), flat.options())
      .scatter_(0, lost, at::arange(flat.numel(), flat.options()))
      .narrow(0, 0, rows);
}

// Rows that this rank sends to each of ep, and that it receives.
struct Exchange {
  Parts send, receive;
};

Exchange exchange(const AllToAll& op, const Frame& frame) {
  if (!Frame::has(op.counts)) {
    const Parts parts = equal_parts(frame[op.x].size(0), frame.chunk.program.mesh.size[Axis::ep]);
    return {parts, parts};
  }
  const ExpertRows& rows = frame.expert_rows.at(op.counts.id);
  return op.back ? Exchange{rows.received, rows.sent} : Exchange{rows.sent, rows.received};
}

void exchange_rows(In in, Out out, const Exchange& rows, Frame& frame) {
  if (!Frame::has(in)) return;
  const ValueType& type = frame.type(in.id);
  const at::Tensor received = frame.make(out, sum(rows.receive));
  frame.rank.over(Group::ep).all_to_all(frame[in].data_ptr(), elements(rows.send, width(type)), received.data_ptr(),
                                        elements(rows.receive, width(type)), type.dtype);
  frame.put(out, received);
}

// Blocks of `outer` x `inner` parts change places. `sizes`: of the parts as they lie, outer by outer.
at::Tensor transposed_parts(const at::Tensor& x, const Parts& sizes, std::int64_t outer, std::int64_t inner) {
  const std::vector<at::Tensor> parts = at::split_with_sizes(x, sizes);
  std::vector<at::Tensor> other;
  for (std::int64_t i = 0; i < inner; ++i) {
    for (std::int64_t o = 0; o < outer; ++o) other.push_back(parts[static_cast<std::size_t>(o * inner + i)]);
  }
  return at::cat(other);
}

// The same of sizes: those of the parts that are (outer, inner) as (inner, outer).
Parts transposed(const Parts& sizes, std::int64_t outer, std::int64_t inner) {
  Parts other;
  for (std::int64_t i = 0; i < inner; ++i) {
    for (std::int64_t o = 0; o < outer; ++o) other.push_back(sizes[static_cast<std::size_t>(o * inner + i)]);
  }
  return other;
}

}  // namespace

void run(const ShareCounts& op, Frame& frame) {
  const at::Tensor& counts = frame[op.counts];  // (1, E)
  const std::int64_t experts = counts.numel();
  Communicator &ep = frame.rank.over(Group::ep), &etp = frame.rank.over(Group::etp);
  const at::Tensor of_ep = empty(ep.size() * experts, DType::i64, frame.rank.device);
  ep.all_gather(counts.data_ptr(), of_ep.data_ptr(), experts, DType::i64);
  const at::Tensor all = frame.make(op.all);
  etp.all_gather(of_ep.data_ptr(), all.data_ptr(), of_ep.numel(), DType::i64);
  const at::Tensor host = host_copy(all, lane_of(Group::ep), frame.rank);
  const std::span numbers(host.data_ptr<std::int64_t>(), static_cast<std::size_t>(host.numel()));
  frame.expert_rows[op.all.id] = expert_rows(numbers, frame.chunk.program.mesh, frame.rank.at);
  frame.put(op.all, all);
}

void run(const Permute& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &x = frame[op.x], &places = frame[op.places];
  const at::Tensor choices = choices_at(places, op.num_rows);
  const at::Tensor tokens = choices.div(places.size(1), "floor");
  frame.put(op.rows, with_zero_row(x).index_select(0, tokens));
  if (!Frame::has(op.weights)) return;
  frame.put(op.row_weights, with_zero_row(frame[op.weights].reshape({-1})).index_select(0, choices));
}

void run(const Unpermute& op, Frame& frame) {
  if (fused(op, frame)) return;
  const at::Tensor &rows = frame[op.rows], &places = frame[op.places];
  const at::Tensor at_rows = at::where(places.lt(0), rows.size(0), places).view({-1});  // (T k)
  const at::Tensor of_choices = with_zero_row(rows).index_select(0, at_rows);
  const at::Tensor y = of_choices.view({places.size(0), places.size(1), rows.size(1)}).sum(1, false, at::kFloat);
  frame.put(op.y, y.to(rows.scalar_type()));
  if (!Frame::has(op.row_weights)) return;
  frame.put(op.weights, with_zero_row(frame[op.row_weights]).index_select(0, at_rows).view(places.sizes()));
}

void run(const AllToAll& op, Frame& frame) {
  const Exchange rows = exchange(op, frame);
  exchange_rows(op.x, op.out, rows, frame);
  exchange_rows(op.weights, op.out_weights, rows, frame);
}

void run(const Regroup& op, Frame& frame) {
  const auto move = [&](In in, Out out) {
    if (!Frame::has(in)) return;
    const at::Tensor& x = frame[in];
    Parts parts = Frame::has(op.counts) ? frame.expert_rows.at(op.counts.id).parts
                                        : equal_parts(x.size(0), op.sources * op.experts);
    if (op.back) parts = transposed(parts, op.sources, op.experts);
    frame.put(out, op.back ? transposed_parts(x, parts, op.experts, op.sources)
                           : transposed_parts(x, parts, op.sources, op.experts));
  };
  move(op.x, op.out);
  move(op.weights, op.out_weights);
}

}  // namespace perfbench
