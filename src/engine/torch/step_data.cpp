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
