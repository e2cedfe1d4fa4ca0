#include "engine/torch/step_data.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <variant>

#include "base/error.h"

namespace perfbench {
namespace {

using OfToken = std::function<std::int64_t(std::size_t place, std::int64_t position)>;
using OfStep = double;

double loss_weight(const Batch& batch) {
  const auto targets = std::ranges::count_if(batch.targets, [](std::int64_t target) { return target >= 0; });
  return 1.0 / static_cast<double>(std::max<std::int64_t>(targets, 1));
}

struct OfGate {};

// What the batch says of the datum.
std::variant<OfToken, OfStep, OfGate> numbers_of(const Batch& batch, Datum datum) {
  const auto start = [&batch](std::size_t place) { return batch.starts.empty() ? 0 : batch.starts[place]; };
  switch (datum) {
    case Datum::token:
      return [&batch](std::size_t place, std::int64_t) { return batch.tokens[place]; };
    case Datum::target:
      return [&batch](std::size_t place, std::int64_t) { return batch.targets[place]; };
    case Datum::position:
    case Datum::stream_position:
      return [start](std::size_t place, std::int64_t position) { return position - start(place); };
    case Datum::start:
      return [start](std::size_t place, std::int64_t) { return start(place); };
    case Datum::loss_weight:
      return loss_weight(batch);
    case Datum::choice:
    case Datum::gate_weight:
      return OfGate{};
    case Datum::token_number:
      return [](std::size_t place, std::int64_t) { return static_cast<std::int64_t>(place); };
  }
  return {};
}

// Calls `each` with the place in the batch and the position of all tokens that the rank holds: microbatch by
// microbatch, position by position, samples together.
template <class Each>
void for_each_token(const TokenPlaces& places, const Each& each) {
  for (std::int64_t microbatch = 0; microbatch < places.num_microbatches; ++microbatch) {
    const std::int64_t first = (microbatch * places.dp + places.dp_rank) * places.mbs;
    for (const std::int64_t position : places.positions) {
      for (std::int64_t sample = first; sample < first + places.mbs; ++sample) {
        each(static_cast<std::size_t>(sample * places.seq_len + position), position);
      }
    }
  }
}

// `width` numbers of each token.
template <class Number>
void fill(const TokenPlaces& places, const std::vector<Number>& of_batch, std::size_t width, Number* out) {
  for_each_token(places, [&](std::size_t place, std::int64_t) {
    out = std::copy_n(of_batch.begin() + static_cast<std::ptrdiff_t>(place * width), width, out);
  });
}

std::vector<PackedSequences> packs(const at::Tensor& host_starts, std::int64_t mbs, Runtime& runtime) {
  std::vector<PackedSequences> list;
  for (const at::Tensor& of_microbatch : host_starts.unbind()) {
    list.push_back(packed_sequences(of_microbatch, mbs, runtime));
  }
  return list;
}

}  // namespace

StepData::StepData(const Batch& batch, const TokenPlaces& places, const std::vector<Datum>& data, Runtime& runtime,
                   const std::optional<GateShape>& gate) {
  const auto of_step = at::TensorOptions().dtype(at::kFloat).device(runtime.device());
  std::vector<std::pair<Datum, OfToken>> rows;
  for (const Datum datum : data) {
    const auto numbers = numbers_of(batch, datum);
    if (const auto* number = std::get_if<OfStep>(&numbers)) held_[datum].device = at::full({1}, *number, of_step);
    if (const auto* of_token = std::get_if<OfToken>(&numbers)) rows.emplace_back(datum, *of_token);
  }
  const std::int64_t num_rows = std::ssize(rows), tokens = places.mbs * std::ssize(places.positions);
  const at::Tensor host = runtime.host_buffer(num_rows * places.num_microbatches * tokens, at::kLong)
                              .view({num_rows, places.num_microbatches, tokens});
  for (std::int64_t row = 0; row < num_rows; ++row) {
    const OfToken& of_token = rows[static_cast<std::size_t>(row)].second;
    auto* out = host.select(0, row).data_ptr<std::int64_t>();
    for_each_token(places, [&](std::size_t place, std::int64_t position) { *out++ = of_token(place, position); });
  }
  const at::Tensor device = host.to(runtime.device(), host.scalar_type(), true);
  for (std::int64_t row = 0; row < num_rows; ++row) {
    const Datum datum = rows[static_cast<std::size_t>(row)].first;
    held_[datum].device = device.select(0, row);
    if (datum == Datum::start) held_[datum].packed = packs(host.select(0, row), places.mbs, runtime);
  }
  if (gate) choose(batch, places, *gate, runtime);
}

void StepData::choose(const Batch& batch, const TokenPlaces& places, const GateShape& gate, Runtime& runtime) {
  const std::int64_t rows = places.mbs * std::ssize(places.positions), k = gate.top_k;
  const std::vector<std::int64_t> shape = {places.num_microbatches, rows, k};
  const auto host = [&](at::ScalarType dtype) {
    return runtime.host_buffer(places.num_microbatches * rows * k, dtype).view(shape);
  };
  const at::Tensor choices = host(at::kLong), weights = host(at::kFloat);
  if (batch.choices.empty()) {
    choices.copy_(balanced_choices(gate, rows).expand(shape));
    weights.fill_(1.0 / static_cast<double>(k));
  } else {
    const auto width = static_cast<std::size_t>(k);
    check(batch.choices.size() == batch.tokens.size() * width, "step data: choices of another number of experts");
    fill(places, batch.choices, width, choices.data_ptr<std::int64_t>());
    fill(places, batch.gate_weights, width, weights.data_ptr<float>());
  }
  held_[Datum::choice].device = choices.to(runtime.device(), at::kLong, true);
  held_[Datum::gate_weight].device = weights.to(runtime.device(), at::kFloat, true);
}

const StepData::Held& StepData::held(Datum datum) const {
  const auto found = held_.find(datum);
  check(found != held_.end(), "step data: a datum that was not asked for");
  return found->second;
}

at::Tensor StepData::on_device(Datum datum, int microbatch) const {
  const at::Tensor& all = held(datum).device;
  return all.dim() == 1 ? all : all.select(0, microbatch);
}

const PackedSequences* StepData::packed(Datum datum, int microbatch) const {
  const std::vector<PackedSequences>& packed = held(datum).packed;
  return packed.empty() ? nullptr : &packed.at(static_cast<std::size_t>(microbatch));
}

std::vector<Datum> data_of(const std::vector<const Program*>& programs) {
  std::set<Datum> data;
  for (const Program* program : programs) {
    for (const StepDatum& read : program->data) data.insert(read.datum);
  }
  return {data.begin(), data.end()};
}

}  // namespace perfbench
