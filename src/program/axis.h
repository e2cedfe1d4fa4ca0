// Parallel axes, who talks along them, the lanes that ops run on, and how a tensor lies on an axis.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perfbench {

// The ranks of a pipeline stage, seen twice: tp x cp x dp, or, where experts are split, etp x ep x edp. A value names
// axes of one view only.
enum class View : std::uint8_t { dense, expert };
inline constexpr std::array<View, 2> kViews = {View::dense, View::expert};

enum class Axis : std::uint8_t { tp, cp, dp, etp, ep, edp };
inline constexpr int kNumAxes = 6;
inline constexpr std::array<Axis, kNumAxes> kAxes = {Axis::tp, Axis::cp, Axis::dp, Axis::etp, Axis::ep, Axis::edp};

constexpr std::string_view name(Axis axis) {
  constexpr std::array<std::string_view, kNumAxes> names = {"tp", "cp", "dp", "etp", "ep", "edp"};
  return names[static_cast<std::size_t>(axis)];
}

constexpr View view_of(Axis axis) { return axis < Axis::etp ? View::dense : View::expert; }

// Ranks that talk to each other.
enum class Group : std::uint8_t {
  tp,
  cp,
  ep,
  etp,
  kv_copies,      // of tp, neighbours that hold the same key/value head
  copies,         // dp x cp: they hold the same weights and other tokens
  expert_copies,  // edp: the same of experts
  shard,          // of the copies, those that share one copy of the parameters between them
  replicas,       // of the copies, those that hold the same share: copies = shard x replicas
  ends,           // the same rank of the first and of the last stage
  world
};
inline constexpr int kNumGroups = 11;
inline constexpr std::array<Group, kNumGroups> kGroups = {
    Group::tp,    Group::cp,       Group::ep,   Group::etp,  Group::kv_copies, Group::copies, Group::expert_copies,
    Group::shard, Group::replicas, Group::ends, Group::world};

// The field's words: the data-parallel group is that of dp x cp.
constexpr std::string_view name(Group group) {
  constexpr std::array<std::string_view, kNumGroups> names = {"tp",  "cp",    "ep",       "etp",  "kv_copies", "dp",
                                                              "edp", "shard", "replicas", "ends", "world"};
  return names[static_cast<std::size_t>(group)];
}

// Along these, ranks hold different weights.
inline constexpr std::array<Axis, 3> kUncopiedAxes = {Axis::tp, Axis::etp, Axis::ep};

constexpr Group copies_of(View view) { return view == View::dense ? Group::copies : Group::expert_copies; }

// Whom ranks talk to along an axis. Nobody talks along dp alone: ranks of cp hold the same weights, too.
constexpr Group group_of(Axis axis) {
  constexpr std::array<Group, kNumAxes> groups = {Group::tp,  Group::cp, Group::copies,
                                                  Group::etp, Group::ep, Group::expert_copies};
  return groups[static_cast<std::size_t>(axis)];
}

// Ops of one lane run in program order; lanes run side by side, held together by data. The engine maps lanes to CUDA
// streams, the simulator to servers.
enum class Lane : std::uint8_t {
  compute,
  tp,
  cp,
  ep,
  dp,
  replicas,  // sums of HSDP over the network, which the gathers of dp do not wait for
  host       // copies to and from its memory
};
inline constexpr int kNumLanes = 7;

constexpr std::string_view name(Lane lane) {
  constexpr std::array<std::string_view, kNumLanes> names = {"compute", "tp", "cp", "ep", "dp", "replicas", "host"};
  return names[static_cast<std::size_t>(lane)];
}

constexpr Lane lane_of(Group group) {
  switch (group) {
    case Group::tp:
    case Group::kv_copies:
      return Lane::tp;
    case Group::cp:
      return Lane::cp;
    case Group::ep:
    case Group::etp:
      return Lane::ep;
    case Group::replicas:
      return Lane::replicas;
    case Group::copies:
    case Group::expert_copies:
    case Group::shard:
    case Group::ends:
    case Group::world:
      break;
  }
  return Lane::dp;
}

// What the ranks of one axis hold of a tensor: the same copy, a slice along `dim`, or a summand of it.
struct Placement {
  enum class Kind : std::uint8_t { replicated, split, partial };
  Kind kind = Kind::replicated;
  std::int8_t dim = -1;  // of a split
  bool uneven = false;   // slices differ between ranks and microbatches; a local size is their mean

  bool operator==(const Placement&) const = default;
  bool is_replicated() const { return kind == Kind::replicated; }
  bool is_partial() const { return kind == Kind::partial; }
  bool is_split() const { return kind == Kind::split; }
  bool is_split(int d) const { return kind == Kind::split && dim == d; }
};

inline constexpr Placement kReplicated{};
inline constexpr Placement kPartial{.kind = Placement::Kind::partial};
constexpr Placement split(int dim) { return {.kind = Placement::Kind::split, .dim = static_cast<std::int8_t>(dim)}; }
constexpr Placement uneven_split(int dim) {
  return {.kind = Placement::Kind::split, .dim = static_cast<std::int8_t>(dim), .uneven = true};
}

// One value per axis.
template <class T>
struct PerAxis {
  std::array<T, kNumAxes> of{};
  T& operator[](Axis axis) { return of[static_cast<std::size_t>(axis)]; }
  const T& operator[](Axis axis) const { return of[static_cast<std::size_t>(axis)]; }
  bool operator==(const PerAxis&) const = default;
};

// Whether a tensor that lies so is split or partial along an axis of the view.
constexpr bool names_axis_of(View view, const PerAxis<Placement>& placement) {
  for (Axis axis : kAxes) {
    if (view_of(axis) == view && !placement[axis].is_replicated()) return true;
  }
  return false;
}

// One value per group.
template <class T>
struct PerGroup {
  std::array<T, kNumGroups> of{};
  T& operator[](Group group) { return of[static_cast<std::size_t>(group)]; }
  const T& operator[](Group group) const { return of[static_cast<std::size_t>(group)]; }
  bool operator==(const PerGroup&) const = default;
};

}  // namespace perfbench
