// Which rank stands where, and who belongs to whom. Ranks are numbered as Megatron-Core numbers them (order
// tp-cp-ep-dp-pp): of the dense view tp runs fastest, then cp and dp, of the expert view etp, then ep and edp; the
// pipeline stage runs slowest in both.
#pragma once

#include <vector>

#include "program/axis.h"

namespace perfbench {

struct Job;
struct ModelSpec;
struct ParallelLayout;

// Of one rank, in both views.
struct Coordinates {
  int stage = 0;
  int dp = 0, cp = 0, tp = 0;
  int edp = 0, ep = 0, etp = 0;
  bool operator==(const Coordinates&) const = default;
};

int along(Axis axis, const Coordinates& at);

// tp x cp x dp = etp x ep x edp.
struct Mesh {
  PerAxis<int> size{{1, 1, 1, 1, 1, 1}};
  int pp = 1;
  int kv_copies = 1;  // tp ranks that hold the same key/value head, where there are more ranks than heads
  int replicas = 1;   // of the sharded parameters, among their copies (HSDP)

  int stage_ranks() const { return size[Axis::tp] * size[Axis::cp] * size[Axis::dp]; }
  int num_ranks() const { return stage_ranks() * pp; }
  // Ranks that hold the same weights: dp x cp, or edp of experts.
  int copies(View view) const { return ranks(copies_of(view)); }
  // Of these, the ranks that share one copy of the parameters between each other.
  Group sharing(View view) const { return replicas > 1 && view == View::dense ? Group::shard : copies_of(view); }

  Coordinates at(int rank) const;
  int rank(const Coordinates& at) const;  // by the stage and the dense view

  // Of every group of the kind: its number of ranks, and how far apart in the world one is from the next. A rank has no
  // partner at the other end (`ends`) where pp is 1 or its stage is neither the first nor the last: it is a group of
  // one.
  int ranks(Group group) const;
  int stride(Group group) const;
  // The ranks of the world that `rank` talks to, itself included, in the order of the group.
  std::vector<int> members(int rank, Group group) const;
  int index(int rank, Group group) const;  // of `rank` among them
};

// Throws std::logic_error where experts are not split over all ranks of a stage: ep x etp does not divide tp x cp x dp.
Mesh mesh_of(const ParallelLayout& layout);

// Of a layout, its replicas of sharded parameters, and the model's key/value heads.
Mesh mesh_of(const Job& job);

// The most tp ranks that any layer of the model has for one key/value head.
int kv_copies(const ModelSpec& model, int tp);

}  // namespace perfbench
