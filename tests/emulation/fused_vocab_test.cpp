// Cross entropy over a vocabulary that two ranks share, by own kernels.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <array>

#include "emulation/fused_fixture.h"
#include "emulation/lone_frame.h"
#include "unit/engine/ranks.h"

namespace perfbench {
namespace {

constexpr std::int64_t kRows = 9, kColumns = 40;  // of one rank

struct Head {
  Program program;
  Policy policy;
  CrossEntropy loss;
  CrossEntropyBackward backward;
};

Head head(DType dtype, std::int64_t vocab) {
  Head h;
  h.policy = {.dtype = dtype, .main_grad = dtype};
  Builder b(h.program, h.policy);
  Program& p = h.program;
  p.input = b.boundary("logits", {kRows, kColumns});
  const ValueId targets = b.data(Datum::target, {kRows}), weight = b.data(Datum::loss_weight, {1});
  CrossEntropy op{.logits = {p.input}, .targets = {targets}, .weight = {weight}};
  op.vocab = vocab;
  h.loss = b.emit(op, {"loss", "lse"});
  p.loss = h.loss.loss.id;
  derive_backward(p, h.policy);
  h.backward = std::get<CrossEntropyBackward>(p.backward.front().op);
  return h;
}

struct Found {
  at::Tensor loss, lse, dlogits;
};

Found run_head(const Head& h, ThreadWorld& world, int rank, const at::Tensor& logits, const at::Tensor& targets) {
  const Poisoned poisoned;
  Rank own = lone_rank(at::kCPU);
  own.axis[Axis::tp] = world.group(rank, {0, 1});
  LoneFrame one(h.program, h.policy, std::move(own));
  Frame& frame = one.frame;
  frame.hold(h.program.input, logits.narrow(1, rank * kColumns, kColumns).clone(at::MemoryFormat::Contiguous));
  frame.hold(h.loss.targets.id, targets);
  frame.hold(h.loss.weight.id, at::full({1}, 0.25, at::TensorOptions().dtype(at::kFloat)));
  const std::int64_t before = emulation::launches();
  run(h.loss, frame);
  EXPECT_EQ(emulation::launches(), before + 3) << "the sums, their common maximum, and the loss";
  Found found{.loss = frame[h.loss.loss.id], .lse = frame[h.loss.lse.id], .dlogits = {}};
  run(h.backward, frame);
  found.dlogits = frame[h.backward.dlogits.id];
  return found;
}

// The second rank holds real columns and padding, real columns alone, or padding alone.
TEST(FusedCrossEntropy, OverTwoRanks) {
  for (const std::int64_t vocab : {std::int64_t{53}, 2 * kColumns, kColumns, std::int64_t{33}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      SCOPED_TRACE(std::to_string(vocab) + " " + std::string(name(dtype)));
      torch::manual_seed(3);
      const at::Tensor logits = (4.0 * torch::randn({kRows, 2 * kColumns})).to(scalar_type(dtype));
      at::Tensor targets = torch::randint(vocab, {kRows}, torch::kLong);
      targets[2] = -100;

      const torch::Tensor leaf = logits.to(torch::kDouble).requires_grad_(true);
      const torch::Tensor real = leaf.slice(1, 0, vocab);
      namespace F = torch::nn::functional;
      const torch::Tensor expected =
          0.25 * F::cross_entropy(real, targets, F::CrossEntropyFuncOptions().reduction(torch::kSum));
      expected.backward();

      const Head h = head(dtype, vocab);
      ThreadWorld world(2);
      std::array<Found, 2> found;
      const auto errors = run_ranks(
          world, [&](int rank) { found[static_cast<std::size_t>(rank)] = run_head(h, world, rank, logits, targets); });
      EXPECT_THAT(errors, testing::Each(""));
      const double share = dtype == DType::f32 ? 2e-5 : 8e-3;
      for (int rank = 0; rank < 2; ++rank) {
        const Found& own = found[static_cast<std::size_t>(rank)];
        EXPECT_EQ(difference(own.loss[0], expected.detach(), 2e-5), "");
        EXPECT_EQ(difference(own.lse, torch::logsumexp(real, 1).detach(), 2e-5), "");
        const at::Tensor grad = leaf.grad().narrow(1, rank * kColumns, kColumns);
        const double of_padding = grad.abs().max().item<double>() == 0.0 ? 0.0 : share;
        EXPECT_EQ(difference(own.dlogits, grad, of_padding), "");
      }
    }
  }
}

}  // namespace
}  // namespace perfbench
