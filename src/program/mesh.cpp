#include "program/mesh.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "job/job.h"

namespace perfbench {

int along(Axis axis, const Coordinates& at) {
  const std::array<int, kNumAxes> of = {at.tp, at.cp, at.dp, at.etp, at.ep, at.edp};
  return of[static_cast<std::size_t>(axis)];
}

Coordinates Mesh::at(int rank) const {
  const auto along = [&](Axis axis, int stride) { return rank / stride % size[axis]; };
  return {.stage = rank / stage_ranks(),
          .dp = along(Axis::dp, size[Axis::tp] * size[Axis::cp]),
          .cp = along(Axis::cp, size[Axis::tp]),
          .tp = along(Axis::tp, 1),
          .edp = along(Axis::edp, size[Axis::etp] * size[Axis::ep]),
          .ep = along(Axis::ep, size[Axis::etp]),
          .etp = along(Axis::etp, 1)};
}

int Mesh::rank(const Coordinates& at) const {
  return ((at.stage * size[Axis::dp] + at.dp) * size[Axis::cp] + at.cp) * size[Axis::tp] + at.tp;
}

int Mesh::ranks(Group group) const {
  switch (group) {
    case Group::tp:
      return size[Axis::tp];
    case Group::cp:
      return size[Axis::cp];
    case Group::ep:
      return size[Axis::ep];
    case Group::etp:
      return size[Axis::etp];
    case Group::kv_copies:
      return kv_copies;
    case Group::copies:
      return size[Axis::cp] * size[Axis::dp];
    case Group::expert_copies:
      return size[Axis::edp];
    case Group::shard:
      return ranks(Group::copies) / replicas;
    case Group::replicas:
      return replicas;
    case Group::ends:
      return std::min(pp, 2);
    case Group::world:
      break;
  }
  return num_ranks();
}

int Mesh::stride(Group group) const {
  switch (group) {
    case Group::tp:
    case Group::etp:
    case Group::kv_copies:
    case Group::world:
      break;
    case Group::cp:
    case Group::copies:
    case Group::shard:
      return size[Axis::tp];
    case Group::ep:
      return size[Axis::etp];
    case Group::expert_copies:
      return size[Axis::etp] * size[Axis::ep];
    case Group::replicas:
      return size[Axis::tp] * ranks(Group::shard);
    case Group::ends:
      return std::max(pp - 1, 1) * stage_ranks();
  }
  return 1;
}

std::vector<int> Mesh::members(int rank, Group group) const {
  const int stage = rank / stage_ranks();
  if (group == Group::ends && stage != 0 && stage != pp - 1) return {rank};
  std::vector<int> members(static_cast<std::size_t>(ranks(group)));
  const int first = rank - index(rank, group) * stride(group);
  for (int i = 0; i < ranks(group); ++i) members[static_cast<std::size_t>(i)] = first + i * stride(group);
  return members;
}

int Mesh::index(int rank, Group group) const {
  const int stage = rank / stage_ranks();
  if (group == Group::ends) return pp > 1 && stage == pp - 1 ? 1 : 0;
  return rank / stride(group) % ranks(group);
}

Mesh mesh_of(const ParallelLayout& layout) {
  const int stage_ranks = layout.tp * layout.cp * layout.dp, expert_ranks = layout.etp * layout.ep;
  check(stage_ranks % expert_ranks == 0, "mesh: ep x etp does not divide tp x cp x dp");
  return {.size = {{layout.tp, layout.cp, layout.dp, layout.etp, layout.ep, stage_ranks / expert_ranks}},
          .pp = layout.pp,
          .replicas = layout.fsdp && layout.fsdp_size > 0 ? layout.dp * layout.cp / layout.fsdp_size : 1};
}

Mesh mesh_of(const Job& job) {
  Mesh mesh = mesh_of(job.layout);
  mesh.kv_copies = kv_copies(job.model, job.layout.tp);
  return mesh;
}

int kv_copies(const ModelSpec& model, int tp) {
  int most = 1;
  for (const LayerSpec& layer : model.kinds) {
    const auto* gqa = std::get_if<Gqa>(&layer.mixer);
    const std::optional<KvShare> share = gqa == nullptr ? std::nullopt : kv_share(gqa->kv_heads, tp);
    if (share) most = std::max(most, share->copies);
  }
  return most;
}

}  // namespace perfbench
