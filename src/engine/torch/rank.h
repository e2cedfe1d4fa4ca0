// One rank: where it stands in the mesh, whom it talks to, and what it counts.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/session.h"
#include "engine/torch/ledger.h"
#include "program/mesh.h"

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

  PerGroup<std::unique_ptr<Communicator>> group{};  // of one rank where nothing is moved over the group
  std::unique_ptr<Transfers> transfers;
  std::function<void(Lane)> wait{};  // returns when the lane is done, or throws as World::synchronize() does

  std::int64_t num_positions = 0;  // of a sequence
  Ledger ledger{};
  bool cudnn_refused = false;          // attention is FlashAttention's: cuDNN has no kernel for it
  std::vector<std::string> remarks{};  // which kernels had to stand in for faster ones, and why; each once
  std::vector<RopeTable> rope{};
  std::int64_t train_steps = 0;    // optimizer steps done
  at::Tensor grad_norm_squared{};  // (1) float64, of this rank's chunks

  Communicator& over(Group g) { return *group[g]; }
  Communicator& over(Axis axis) { return over(group_of(axis)); }
  void remark(const std::string& text) {
    if (std::find(remarks.begin(), remarks.end(), text) == remarks.end()) remarks.push_back(text);
  }
};

}  // namespace perfbench
