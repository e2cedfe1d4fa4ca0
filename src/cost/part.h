// The parts that a step's time is broken down into. They add up to it.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "program/axis.h"

namespace perfbench {

enum class Part {
  matmul,           // GEMMs, the LM head among them
  attention,        // fused attention kernels
  memory_bound,     // norms, activations, casts, rotary positions, loss: kernels that move bytes
  recompute,        // forward kernels that the backward runs once more, and the gaps between them
  launch,           // gaps between kernels on the compute lane
  host,             // compute waits for the host to issue kernels of a layer with experts
  tp_exposed,       // compute waits for tensor-parallel collectives
  cp_exposed,       // compute waits for the ring of context parallelism
  ep_exposed,       // compute waits for rows on their way to and from experts
  dp_exposed,       // compute waits for, or is slowed by, data-parallel traffic
  offload_exposed,  // compute waits for activations on their way to or from host memory
  pipeline_bubble,  // a stage waits for its neighbours, transfers included
  optimizer,        // gradient norm and update
  step_fixed        // once per step: clipping, logging, data
};
inline constexpr int kNumParts = 14;

constexpr std::string_view name(Part part) {
  constexpr std::array<std::string_view, kNumParts> names = {
      "matmul",     "attention",  "memory_bound", "recompute",       "launch",          "host",      "tp_exposed",
      "cp_exposed", "ep_exposed", "dp_exposed",   "offload_exposed", "pipeline_bubble", "optimizer", "step_fixed"};
  return names[static_cast<std::size_t>(part)];
}

// What compute waits for where it waits for a group. Throws std::logic_error for one that no part stands for.
Part part_of(Group group);

// Seconds by part.
struct Breakdown {
  std::array<double, kNumParts> seconds{};
  double& operator[](Part part) { return seconds[static_cast<std::size_t>(part)]; }
  double operator[](Part part) const { return seconds[static_cast<std::size_t>(part)]; }
  double total() const {
    double sum = 0.0;
    for (double s : seconds) sum += s;
    return sum;
  }
  Breakdown& operator+=(const Breakdown& other) {
    for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i] += other.seconds[i];
    return *this;
  }
};

}  // namespace perfbench
