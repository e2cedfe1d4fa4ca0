// The numbers that a rank's Programs read in one global step: tokens, targets and places, of all its microbatches. They
// go to the device together, before the first slot.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "engine/session.h"
#include "engine/torch/rank.h"
#include "engine/torch/runtime.h"
#include "program/program.h"

namespace perfbench {

// What a batch says of each token.
enum class TokenData : std::uint8_t {
  token,     // its id
  target,    // the id that should follow
  position,  // in its sub-sequence
  start      // where in its sample the sub-sequence starts
};

// Which samples of a batch a rank holds, and which positions of each.
struct TokenPlaces {
  std::int64_t num_microbatches = 0, mbs = 0, seq_len = 0;
  int dp = 1, dp_rank = 0;
  std::vector<std::int64_t> positions{};  // of every sample, in the order of the rank's rows
};

class StepData {
 public:
  // `kinds`: those that are asked for. dp rank r takes samples r, r + 1, ... of each microbatch's mbs x dp samples.
  StepData(const Batch& batch, const TokenPlaces& places, const std::vector<TokenData>& kinds, Runtime& runtime);

  // Of one microbatch, position by position, samples together: (T) int64, on the device and on the host.
  at::Tensor on_device(TokenData kind, int microbatch) const { return rows(device_, kind, microbatch); }
  at::Tensor on_host(TokenData kind, int microbatch) const { return rows(host_, kind, microbatch); }
  // Where `starts` are asked for.
  const PackedSequences& packed(int microbatch) const { return packed_.at(static_cast<std::size_t>(microbatch)); }

 private:
  at::Tensor rows(const at::Tensor& all, TokenData kind, int microbatch) const;

  std::map<TokenData, std::int64_t> place_of_;  // kind -> its row of `host_`
  at::Tensor host_, device_;                    // (kinds, microbatches, T)
  std::vector<PackedSequences> packed_;         // by microbatch
};

// Of the starts of one microbatch of `mbs` samples, as StepData gives them.
PackedSequences packed_sequences(const at::Tensor& host_starts, std::int64_t mbs, Runtime& runtime);

// Kinds that the Programs of a rank read.
std::vector<TokenData> token_data_of(const std::vector<const Program*>& programs);

}  // namespace perfbench
