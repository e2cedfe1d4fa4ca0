// Which rank stands where: tp runs fastest, then dp, then the pipeline stage, as in Megatron-LM's order tp-cp-ep-dp-pp.
#pragma once

#include <vector>

#include "program/axis.h"
#include "spec/job.h"

namespace perfbench {

struct Coordinates {
  int stage = 0, dp = 0, tp = 0;
  bool operator==(const Coordinates&) const = default;
};

class Mesh {
 public:
  explicit Mesh(const ParallelLayout& layout) : layout_(layout) {}

  int num_ranks() const { return layout_.pp * layout_.dp * layout_.tp; }
  Coordinates at(int rank) const;
  int rank(const Coordinates& at) const;
  // Ranks that differ from `rank` along `axis` alone, itself included, in order.
  std::vector<int> group(int rank, Axis axis) const;
  // The same rank of the first and the last stage; empty for a rank of neither, or where they are one.
  std::vector<int> ends(int rank) const;

 private:
  ParallelLayout layout_;
};

}  // namespace perfbench
