// Which rank stands where: tp runs fastest, then cp, dp and the pipeline stage, as in Megatron-LM's order
// tp-cp-ep-dp-pp.
#pragma once

#include <vector>

#include "job/job.h"
#include "program/axis.h"

namespace perfbench {

struct Coordinates {
  int stage = 0, dp = 0, cp = 0, tp = 0;
  bool operator==(const Coordinates&) const = default;
};

class Mesh {
 public:
  explicit Mesh(const ParallelLayout& layout) : layout_(layout) {}

  int num_ranks() const { return layout_.pp * layout_.dp * layout_.cp * layout_.tp; }
  Coordinates at(int rank) const;
  int rank(const Coordinates& at) const;
  // Among the dp x cp ranks that hold the same weights.
  int replica(const Coordinates& at) const { return at.dp * layout_.cp + at.cp; }
  // Ranks that differ from `rank` along `axis` alone, itself included, in order. For dp: along dp and cp.
  std::vector<int> group(int rank, Axis axis) const;
  // The same rank of the first and the last stage; empty for a rank of neither, or where they are one.
  std::vector<int> ends(int rank) const;

 private:
  ParallelLayout layout_;
};

}  // namespace perfbench
