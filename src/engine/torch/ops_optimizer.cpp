#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "engine/torch/ops.h"
#include "program/copied_rows.h"

namespace perfbench {
namespace {

// Every parameter counts once: copies of a whole weight on ranks of tp (of experts: of ep and etp) and on the other
// stage of a shared embedding do not, and where the whole sum is on every rank that holds a copy, the first counts it.
bool counts(const Value& weight, const Frame& frame, bool whole_sums) {
  const Group sharing = frame.chunk.program.mesh.sharing(weight.view);
  if (weight.copy || (whole_sums && frame.rank.over(sharing).rank() != 0)) return false;
  return std::ranges::all_of(kUncopiedAxes, [&](Axis axis) {
    return view_of(axis) != weight.view || weight.type.placement[axis].is_split() || along(axis, frame.rank.at) == 0;
  });
}

// What of a weight's elements does not count here, though the weight does: rows that another tp rank counts.
std::vector<RowRange> counted_elsewhere(ValueId weight, const Frame& frame) {
  if (frame.rank.at.tp % frame.chunk.program.mesh.kv_copies == 0) return {};
  return copied_rows(frame.chunk.program, weight);
}

at::Tensor sum_of_squares(const at::Tensor& numbers) { return at::sum(numbers.to(at::kFloat).square()); }

// Adds the squares of the range to `square`.
void add_squares(const Share& share, const ShareRange& range, const Frame& frame, at::Tensor& square) {
  const Shape& shape = frame.type(range.weight).shape;
  const std::int64_t columns = shape.elements() / shape[0], end = range.first + range.count;
  std::int64_t from = range.first;  // of the weight's elements: what is before is added
  const auto add_to = [&](std::int64_t to) {
    if (from >= to) return;
    square.add_(sum_of_squares(share.main_grad.narrow(0, range.offset + from - range.first, to - from)));
  };
  for (const RowRange& rows : counted_elsewhere(range.weight, frame)) {
    add_to(std::min(rows.first * columns, end));
    from = std::max(from, (rows.first + rows.rows) * columns);
  }
  add_to(end);
}

}  // namespace

void run(const GradNorm& op, Frame& frame) {
  at::Tensor square = at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(frame.rank.device));
  for (const Share* share : frame.chunk.shares_of(op.main_grads)) {
    for (const ShareRange& range : share->ranges) {
      if (!counts(frame.chunk.program[range.weight], frame, op.shards == 1)) continue;
      add_squares(*share, range, frame, square);
    }
  }
  const auto sum_over = [&](Group group) {
    Communicator& peers = frame.rank.over(group);
    if (peers.size() > 1) peers.all_reduce(square.data_ptr(), 1, DType::f32, Reduction::sum);
  };
  const Program& program = frame.chunk.program;
  const View view = op.main_grads.empty() ? View::dense : program[op.main_grads.front().id].view;
  for (Axis axis : kUncopiedAxes) {
    if (view_of(axis) == view) sum_over(group_of(axis));
  }
  sum_over(program.mesh.sharing(view));
  frame.rank.grad_norm_squared.add_(square);
}

namespace {

// Float32 copies of what is narrower.
struct AdamWLists {
  std::vector<at::Tensor> masters, grads, moments, squares;

  void add(const Share& share) {
    masters.push_back(share.master.to(at::kFloat));
    grads.push_back(share.main_grad.to(at::kFloat));
    moments.push_back(share.moment.to(at::kFloat));
    squares.push_back(share.moment2.to(at::kFloat));
  }

  // Rounds the results of the one share that was added into it.
  void store(const Share& share) const {
    const auto back = [](const at::Tensor& kept, const at::Tensor& result) {
      if (!kept.is_same(result)) at::Tensor(kept).copy_(result);
    };
    back(share.master, masters.front());
    back(share.moment, moments.front());
    back(share.moment2, squares.front());
  }
};

bool all_float(const Share& share) {
  return share.main_grad.scalar_type() == at::kFloat && share.master.scalar_type() == at::kFloat &&
         share.moment.scalar_type() == at::kFloat;
}

void update(const AdamWLists& lists, const at::Tensor& step, const OptimizerSettings& o) {
  if (lists.masters.empty()) return;
  const std::vector<at::Tensor> steps(lists.masters.size(), step);
  at::_fused_adamw_(lists.masters, lists.grads, lists.moments, lists.squares, {}, steps, o.learning_rate, o.beta1,
                    o.beta2, o.weight_decay, o.epsilon, false, false);
}

}  // namespace

// torch.optim.AdamW in float32 on this rank's shares of what the op names, as many in a kernel as it takes; what the
// model computes with is rounded from the masters. Shares with tensors of two bytes are widened one by one, to hold one
// of them at a time.
void run(const AdamW& op, Frame& frame) {
  const at::Tensor step = at::full({}, static_cast<double>(frame.rank.train_steps + 1),
                                   at::TensorOptions().dtype(at::kFloat).device(frame.rank.device));
  const std::vector<const Share*> shares = frame.chunk.shares_of(op.main_grads);
  AdamWLists together;
  for (const Share* share : shares) {
    if (all_float(*share)) {
      together.add(*share);
      continue;
    }
    AdamWLists alone;
    alone.add(*share);
    update(alone, step, frame.rank.optimizer);
    alone.store(*share);
  }
  update(together, step, frame.rank.optimizer);
  for (const Share* share : shares) {
    if (!share->master.is_same(share->weight)) at::Tensor(share->weight).copy_(share->master);
  }
}

}  // namespace perfbench
