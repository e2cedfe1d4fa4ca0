// Parallel axes, the lanes that ops run on, and how a tensor lies on an axis.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace perfbench {

enum class Axis : std::uint8_t { tp, cp, ep, dp };
inline constexpr int kNumAxes = 4;
inline constexpr std::array<Axis, kNumAxes> kAxes = {Axis::tp, Axis::cp, Axis::ep, Axis::dp};

constexpr std::string_view name(Axis axis) {
  constexpr std::array<std::string_view, kNumAxes> names = {"tp", "cp", "ep", "dp"};
  return names[static_cast<std::size_t>(axis)];
}

// Ops of one lane run in program order; lanes run side by side, held together by data. The engine maps lanes to CUDA
// streams, the simulator to servers.
enum class Lane : std::uint8_t { compute, tp, cp, ep, dp };
inline constexpr int kNumLanes = 5;

constexpr std::string_view name(Lane lane) {
  constexpr std::array<std::string_view, kNumLanes> names = {"compute", "tp", "cp", "ep", "dp"};
  return names[static_cast<std::size_t>(lane)];
}

constexpr Lane lane_of(Axis axis) {
  constexpr std::array<Lane, kNumAxes> lanes = {Lane::tp, Lane::cp, Lane::ep, Lane::dp};
  return lanes[static_cast<std::size_t>(axis)];
}

// What the ranks of one axis hold of a tensor: the same copy, a slice along `dim`, or a summand of it.
struct Placement {
  enum class Kind : std::uint8_t { replicated, split, partial };
  Kind kind = Kind::replicated;
  std::int8_t dim = -1;  // of a split

  bool operator==(const Placement&) const = default;
  bool is_replicated() const { return kind == Kind::replicated; }
  bool is_partial() const { return kind == Kind::partial; }
  bool is_split() const { return kind == Kind::split; }
  bool is_split(int d) const { return kind == Kind::split && dim == d; }
};

inline constexpr Placement kReplicated{};
inline constexpr Placement kPartial{.kind = Placement::Kind::partial};
constexpr Placement split(int dim) { return {.kind = Placement::Kind::split, .dim = static_cast<std::int8_t>(dim)}; }

// One value per axis.
template <class T>
struct PerAxis {
  std::array<T, kNumAxes> of{};
  T& operator[](Axis axis) { return of[static_cast<std::size_t>(axis)]; }
  const T& operator[](Axis axis) const { return of[static_cast<std::size_t>(axis)]; }
  bool operator==(const PerAxis&) const = default;
};

}  // namespace perfbench
