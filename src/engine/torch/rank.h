// One rank: where it stands in the mesh, whom it talks to, and what it counts.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/comm/mesh.h"
#include "engine/session.h"
#include "engine/torch/ledger.h"

namespace perfbench {

// cos and sin of the rotary angles of all positions, (positions, rotary dim / 2) float32 each.
struct RopeTable {
  std::int64_t rotary_dim = 0;
  double theta = 0.0;
  RopeScaling scaling{};
  at::Tensor cos, sin;
};

struct Rank {
  Coordinates at{};
  at::Device device = at::kCPU;
  OptimizerSettings optimizer{};

  PerAxis<std::unique_ptr<Communicator>> axis{};  // groups of one rank included
  std::unique_ptr<Communicator> shared;           // with the stage that holds the same embedding, or null
  std::unique_ptr<Transfers> transfers;

  std::int64_t num_positions = 0;  // of a sequence
  Ledger ledger{};
  bool cudnn_refused = false;          // attention is FlashAttention's: cuDNN has no kernel for it
  std::vector<std::string> remarks{};  // which kernels had to stand in for faster ones, and why; each once
  std::vector<RopeTable> rope{};
  std::int64_t train_steps = 0;    // optimizer steps done
  at::Tensor grad_norm_squared{};  // (1) float64, of this rank's chunks

  Communicator& over(Axis a) { return *axis[a]; }
  void remark(const std::string& text) {
    if (std::find(remarks.begin(), remarks.end(), text) == remarks.end()) remarks.push_back(text);
  }
};

}  // namespace perfbench
