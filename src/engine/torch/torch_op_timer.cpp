#include "engine/torch/torch_op_timer.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/median.h"
#include "engine/torch/lone_world.h"
#include "engine/torch/ops.h"
#include "engine/torch/packed.h"
#include "engine/torch/run_error.h"
#include "engine/torch/runtime.h"
#include "program/liveness.h"

namespace perfbench {
namespace {

constexpr int kWarmups = 2;
constexpr int kLeastRuns = 3, kMostRuns = 200;
constexpr double kEnqueueSeconds = 5e-5;  // that the host takes for an op of a dozen ATen calls, amply
// In a step an op finds little of its operands in the cache: runs take turns with sets of them that together are larger
// than any GPU's (B200: 126 MB of L2), so far as so many sets are that.
constexpr std::int64_t kColdBytes = std::int64_t{1} << 28;
constexpr std::int64_t kMostSets = 16;

at::IntArrayRef sizes(const ValueType& type) {
  return {type.shape.dims.data(), static_cast<std::size_t>(type.shape.rank)};
}

// One more than the largest number that an op takes as a token, target, position, expert or row.
struct LimitOf {
  const Program& program;
  std::int64_t num_positions = 0;

  std::int64_t operator()(const Embedding& op) const { return program.type(op.weight.id).shape[0]; }
  std::int64_t operator()(const EmbeddingBackward& op) const { return program.type(op.weight.id).shape[0]; }
  std::int64_t operator()(const CrossEntropy& op) const { return op.vocab; }
  std::int64_t operator()(const CrossEntropyBackward& op) const { return op.vocab; }
  std::int64_t operator()(const PlaceRows& op) const { return op.experts; }
  std::int64_t operator()(const RouteBackward& op) const { return program.type(op.logits.id).shape[1]; }
  std::int64_t operator()(const Permute& op) const { return op.num_rows; }
  std::int64_t operator()(const Unpermute& op) const { return program.type(op.rows.id).shape[0]; }
  std::int64_t operator()(const OfClass<OpClass::bytes> auto& op) const requires(!requires { op.axis; }) {
    return num_positions;
  }
  std::int64_t operator()(
      const OfClass<OpClass::product, OpClass::attention, OpClass::collective, OpClass::state> auto&) const {
    return num_positions;
  }
};

// Sub-sequences of the mean length that the op was priced with: where in its sample each token's own starts. (S B)
// int64
at::Tensor starts_of(std::int64_t seq, std::int64_t batch, double attended) {
  const std::int64_t length = std::max<std::int64_t>(1, std::llround(attended));
  at::Tensor starts = at::empty({seq, batch}, at::TensorOptions().dtype(at::kLong));
  for (std::int64_t position = 0; position < seq; ++position)
    starts.select(0, position).fill_(position / length * length);
  return starts.view({seq * batch});
}

// `rows` in parts that differ by one at most.
std::vector<std::int64_t> even_parts(std::int64_t rows, std::int64_t count) {
  std::vector<std::int64_t> parts;
  for (std::int64_t part = 0; part < count; ++part) parts.push_back((part + 1) * rows / count - part * rows / count);
  return parts;
}

// Rows of experts that all have as many, for the ops that are issued by counts.
struct EvenRows {
  const Program& program;

  ExpertRows of(In rows, std::int64_t sources, std::int64_t experts) const {
    const std::int64_t count = program.type(rows.id).shape[0];
    return {.parts = even_parts(count, sources * experts), .by_expert = even_parts(count, experts)};
  }
  ExpertRows operator()(const Regroup& op) const { return of(op.x, op.sources, op.experts); }
  ExpertRows operator()(const GroupedMatmul& op) const { return of(op.a, 1, program.type(op.b.id).shape[0]); }
  ExpertRows operator()(const GroupedWeightGrad& op) const { return of(op.dy, 1, op.experts); }
  ExpertRows operator()(const GroupedWeightGradAccumulate& op) const {
    return of(op.dy, 1, program.type(op.main_grad.id).shape[0]);
  }
  ExpertRows operator()(const OfClass<OpClass::collective> auto&) const { return {}; }  // never runs alone
};

OpTiming timing_of(const std::vector<double>& seconds) {
  return {.seconds = median(seconds),
          .mad_s = median_absolute_deviation(seconds),
          .runs = static_cast<int>(seconds.size())};
}

// Values that die with the op in a step. It is an op of the Program itself, or of none of its phases: then nothing
// dies.
std::vector<ValueId> dying_after(const Program& program, const Op& op) {
  const Lifetimes found = lifetimes(program);
  const auto in_phase = [&](const std::vector<Node>& nodes, const std::vector<std::vector<ValueId>>& deaths) {
    const auto node = std::ranges::find_if(nodes, [&](const Node& n) { return &n.op == &op; });
    return node == nodes.end() ? std::vector<ValueId>{} : deaths[static_cast<std::size_t>(node - nodes.begin())];
  };
  const std::vector<ValueId> forward = in_phase(program.forward, found.forward);
  return forward.empty() ? in_phase(program.backward, found.backward) : forward;
}

// An op with operands of its own on a rank that is alone.
class LoneOp {
 public:
  LoneOp(const Program& program, const Op& op, const std::vector<ValueId>& dying, Runtime& runtime)
      : runtime_(runtime),
        op_(op),
        operands_(collect(op)),
        dying_(dying),
        chunk_{.program = program},
        table_(program.values.size()),
        frame_(rank_, chunk_, table_) {
    frame_.dying = dying_;
    rank_.device = runtime.device();
    const auto world = make_lone_world(program.mesh.num_ranks(), rank_.device);
    for (Group group : kGroups) rank_.group[group] = world->group(0, program.mesh.members(0, group));
    chunk_.states.resize(program.values.size());
    rank_.num_positions = std::max<std::int64_t>(1, num_positions());
    for (const Operand& operand : operands_) {
      if (operand.use != Use::out) place(operand.id);
    }
    std::visit(
        [this](const auto& own) {
          if constexpr (requires { In(own.counts); }) {
            if (Frame::has(own.counts)) frame_.expert_rows[own.counts.id] = EvenRows{chunk_.program}(own);
          }
        },
        op_);
  }
  LoneOp(const LoneOp&) = delete;  // the frame points into it
  LoneOp& operator=(const LoneOp&) = delete;

  void run_once() {
    std::visit([this](const auto& op) { run(op, frame_); }, op_);
    for (const Operand& operand : operands_) {
      if (operand.use == Use::out) frame_.release(operand.id);
    }
  }

 private:
  at::TensorOptions options(at::ScalarType dtype) const {
    return at::TensorOptions().dtype(dtype).device(rank_.device);
  }

  std::int64_t num_positions() const {
    const auto* rope = std::get_if<Rope>(&op_);
    return rope == nullptr ? 0 : chunk_.program.type(rope->positions.id).shape[0];
  }

  at::Tensor whole_numbers(ValueId id) {
    const ValueType& type = chunk_.program.type(id);
    const auto packed = [&](const auto& op) {
      frame_.know(id, packed_sequences(starts_of(op.seq, op.batch, op.attended), op.batch, runtime_));
      return frame_.packed({id}).host_starts.to(rank_.device);
    };
    if (const auto* o = std::get_if<Attention>(&op_); o != nullptr && o->starts.id == id) return packed(*o);
    if (const auto* o = std::get_if<AttentionBackward>(&op_); o != nullptr && o->starts.id == id) return packed(*o);
    return at::randint(0, std::visit(LimitOf{chunk_.program, rank_.num_positions}, op_), sizes(type),
                       options(at::kLong));
  }

  // Statistics and scales, float32 among narrower numbers, are near one: none makes a product overflow.
  at::Tensor numbers(ValueId id) {
    const Value& value = chunk_.program[id];
    if (value.type.dtype == DType::i64) return whole_numbers(id);
    if (value.type.dtype == DType::f32 && value.type.shape.rank <= 1) {
      return at::rand(sizes(value.type), options(at::kFloat)).add_(0.5);
    }
    return at::randn(sizes(value.type), options(at::kFloat)).to(scalar_type(value.type.dtype));
  }

  void place(ValueId id) {
    const bool state = chunk_.program[id].state != StateKind::none;
    at::Tensor& slot = state ? chunk_.states[static_cast<std::size_t>(id)] : table_[static_cast<std::size_t>(id)];
    if (!slot.defined()) slot = numbers(id);
  }

  Runtime& runtime_;
  Op op_;
  std::vector<Operand> operands_;
  std::vector<ValueId> dying_;  // nobody reads them after the op: it may write its result into their memory
  Rank rank_;
  Chunk chunk_;
  ValueTable table_;
  Frame frame_;
};

class TorchOpTimer final : public OpTimer {
 public:
  explicit TorchOpTimer(const OpTimerSettings& settings)
      : settings_(settings), runtime_(make_runtime(settings.device, 0)), stopwatch_(runtime_->make_stopwatch()) {}

  OpTiming time(const Program& program, const Op& op) override {
    if (!runs_alone(op)) throw Unsupported(std::string(name(op)), "is timed only as a part of a whole rank");
    return with_run_errors(std::string(name(op)), [&] {
      runtime_->enter();
      const std::vector<std::unique_ptr<LoneOp>> sets = operand_sets(program, op);
      timed(sets, kWarmups * static_cast<int>(sets.size()));
      const double once = timed(sets, 1).front();
      const auto wanted = static_cast<int>(std::min(settings_.seconds_per_op / std::max(once, 1e-7), 1.0 * kMostRuns));
      return timing_of(timed(sets, std::max(kLeastRuns, wanted)));
    });
  }

 private:
  std::vector<std::unique_ptr<LoneOp>> operand_sets(const Program& program, const Op& op) const {
    std::int64_t bytes = 1;
    for (const Operand& operand : collect(op)) bytes += program.type(operand.id).bytes();
    const std::int64_t count =
        settings_.device == Device::cpu ? 1 : std::clamp<std::int64_t>(kColdBytes / bytes + 1, 1, kMostSets);
    std::vector<std::unique_ptr<LoneOp>> sets;
    const std::vector<ValueId> dying = dying_after(program, op);
    while (std::ssize(sets) < count) sets.push_back(std::make_unique<LoneOp>(program, op, dying, *runtime_));
    return sets;
  }

  std::vector<double> timed(const std::vector<std::unique_ptr<LoneOp>>& sets, int runs) {
    runtime_->stall(runs * kEnqueueSeconds);
    for (int i = 0; i < runs; ++i) {
      stopwatch_->start();
      sets[static_cast<std::size_t>(i) % sets.size()]->run_once();
      stopwatch_->stop();
    }
    return stopwatch_->take_seconds();
  }

  OpTimerSettings settings_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Stopwatch> stopwatch_;
};

}  // namespace

std::unique_ptr<OpTimer> make_torch_op_timer(const OpTimerSettings& settings) {
  return std::make_unique<TorchOpTimer>(settings);
}

}  // namespace perfbench
