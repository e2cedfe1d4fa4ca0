#include "engine/torch/step_data.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace perfbench {
namespace {

using Number = std::function<std::int64_t(std::size_t place, std::int64_t position)>;

Number number_of(const Batch& batch, TokenData kind) {
  const auto start = [&batch](std::size_t place) { return batch.starts.empty() ? 0 : batch.starts[place]; };
  switch (kind) {
    case TokenData::token:
      return [&batch](std::size_t place, std::int64_t) { return batch.tokens[place]; };
    case TokenData::target:
      return [&batch](std::size_t place, std::int64_t) { return batch.targets[place]; };
    case TokenData::position:
      return [start](std::size_t place, std::int64_t position) { return position - start(place); };
    case TokenData::start:
      return [start](std::size_t place, std::int64_t) { return start(place); };
  }
  return {};
}

}  // namespace

StepData::StepData(const Batch& batch, const TokenPlaces& places, const std::vector<TokenData>& kinds,
                   Runtime& runtime) {
  const std::int64_t tokens = places.mbs * std::ssize(places.positions);
  const std::int64_t num_kinds = std::ssize(kinds);
  host_ = runtime.host_buffer(num_kinds * places.num_microbatches * tokens, at::kLong)
              .view({num_kinds, places.num_microbatches, tokens});
  auto* out = host_.data_ptr<std::int64_t>();
  for (const TokenData kind : kinds) {
    place_of_.emplace(kind, std::ssize(place_of_));
    const Number number = number_of(batch, kind);
    for (std::int64_t microbatch = 0; microbatch < places.num_microbatches; ++microbatch) {
      const std::int64_t first = (microbatch * places.dp + places.dp_rank) * places.mbs;
      for (const std::int64_t position : places.positions) {
        for (std::int64_t sample = first; sample < first + places.mbs; ++sample) {
          *out++ = number(static_cast<std::size_t>(sample * places.seq_len + position), position);
        }
      }
    }
  }
  device_ = host_.to(runtime.device(), host_.scalar_type(), true);
  if (!place_of_.contains(TokenData::start)) return;
  for (int microbatch = 0; microbatch < places.num_microbatches; ++microbatch) {
    packed_.push_back(packed_sequences(on_host(TokenData::start, microbatch), places.mbs, runtime));
  }
}

PackedSequences packed_sequences(const at::Tensor& host_starts, std::int64_t mbs, Runtime& runtime) {
  PackedSequences packed{.host_starts = host_starts};
  if (mbs != 1) return packed;
  const auto* starts = host_starts.data_ptr<std::int64_t>();
  std::vector<std::int32_t> bounds;
  for (std::int64_t row = 0; row < host_starts.numel(); ++row) {
    if (row == 0 || starts[row] != starts[row - 1]) bounds.push_back(static_cast<std::int32_t>(row));
  }
  bounds.push_back(static_cast<std::int32_t>(host_starts.numel()));
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    packed.longest = std::max<std::int64_t>(packed.longest, bounds[i] - bounds[i - 1]);
  }
  const at::Tensor host = runtime.host_buffer(std::ssize(bounds), at::kInt);
  std::copy(bounds.begin(), bounds.end(), host.data_ptr<std::int32_t>());
  packed.bounds = host.to(runtime.device(), at::kInt, true);
  return packed;
}

at::Tensor StepData::rows(const at::Tensor& all, TokenData kind, int microbatch) const {
  const auto found = place_of_.find(kind);
  check(found != place_of_.end(), "step data: a kind that was not asked for");
  return all.select(0, found->second).select(0, microbatch);
}

std::vector<TokenData> token_data_of(const std::vector<const Program*>& programs) {
  std::vector<TokenData> kinds;
  const auto want = [&](TokenData kind, auto... members) {
    const auto reads = [&](const Program* program) { return ((program->*members != kNoValue) || ...); };
    if (std::any_of(programs.begin(), programs.end(), reads)) kinds.push_back(kind);
  };
  want(TokenData::token, &Program::tokens);
  want(TokenData::target, &Program::targets);
  want(TokenData::position, &Program::positions, &Program::stream_positions);
  want(TokenData::start, &Program::starts);
  return kinds;
}

}  // namespace perfbench
