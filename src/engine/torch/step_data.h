// The numbers that a rank's Programs read in one global step: each datum of all its microbatches. They go to the device
// together, before the first slot.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/session.h"
#include "engine/torch/gate_data.h"
#include "engine/torch/packed.h"
#include "engine/torch/runtime.h"
#include "program/program.h"

namespace perfbench {

// Which samples of a batch a rank holds, and which positions of each.
struct TokenPlaces {
  std::int64_t num_microbatches = 0, mbs = 0, seq_len = 0;
  int dp = 1, dp_rank = 0;
  std::vector<std::int64_t> positions{};  // of every sample, in the order of the rank's rows
};

class StepData {
 public:
  // `data`: those that are asked for, each once. dp rank r takes samples r, r + 1, ... of each microbatch's mbs x dp
  // samples. `gate`: of choices, which are those of the batch where it has any, else balanced.
  StepData(const Batch& batch, const TokenPlaces& places, const std::vector<Datum>& data, Runtime& runtime,
           const std::optional<GateShape>& gate = std::nullopt);

  // Of one microbatch, on the device. Of tokens (T) int64, position by position, samples together: all that the ranks
  // of tp hold between them; of their choices (T, k). Of the step (1) float32, the same for every microbatch.
  at::Tensor on_device(Datum datum, int microbatch) const;
  // What of the same is known on the host: null unless the datum says where sub-sequences start.
  const PackedSequences* packed(Datum datum, int microbatch) const;

 private:
  struct Held {
    at::Tensor device{};                    // (microbatches, T) int64, (microbatches, T, k), or (1) float32
    std::vector<PackedSequences> packed{};  // by microbatch
  };
  const Held& held(Datum datum) const;
  void choose(const Batch& batch, const TokenPlaces& places, const GateShape& gate, Runtime& runtime);

  std::map<Datum, Held> held_;
};

// Data that the Programs of a rank read, each once.
std::vector<Datum> data_of(const std::vector<const Program*>& programs);

}  // namespace perfbench
