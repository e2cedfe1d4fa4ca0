// What a job's ranks do in a global step: all that the simulator and the engine take of a job.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "program/mesh.h"
#include "program/policy.h"
#include "program/program.h"
#include "program/schedule.h"

namespace perfbench {

struct PlannedChunk {
  int kind = 0;         // index in Plan::kinds
  int first_layer = 0;  // in the model
};

// What a rank's GPU holds beside what the Programs need.
struct ReservedMemory {
  double context_bytes = 0.0, communicator_bytes = 0.0;  // once; of each communicator
  double fragmentation = 0.0;                            // share of the values of a step
};

struct Plan {
  Mesh mesh{};
  PipelineShape pipeline{};
  Policy policy{};
  std::int64_t mbs = 1, seq_len = 1;  // samples of a microbatch of one dp rank, tokens of a sample
  ReservedMemory reserved{};
  std::vector<Program> kinds{};        // chunks that are built alike share one
  std::vector<PlannedChunk> chunks{};  // pp * vp entries, chunk c of stage s at c * pp + s

  // Samples of a global step.
  std::int64_t gbs() const { return pipeline.step_microbatches() * mbs * mesh.size[Axis::dp]; }

  // Of chunk `chunk` of stage `stage`.
  const PlannedChunk& at(int chunk, int stage) const {
    return chunks[static_cast<std::size_t>(chunk) * static_cast<std::size_t>(pipeline.pp) +
                  static_cast<std::size_t>(stage)];
  }
  int kind(int chunk, int stage) const { return at(chunk, stage).kind; }
  const Program& of(int chunk, int stage) const { return kinds[static_cast<std::size_t>(kind(chunk, stage))]; }
};

}  // namespace perfbench
