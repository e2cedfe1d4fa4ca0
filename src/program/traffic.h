// What a Program moves between ranks, exactly: the engine's counters are compared with it.
#pragma once

#include <cstdint>

#include "program/program.h"

namespace perfbench {

// `bytes` counts, per call, the whole buffer on this rank: what is gathered, what is scattered before it is reduced,
// what is reduced, what is sent. Receives are not counted.
struct Traffic {
  std::int64_t calls = 0;
  std::int64_t bytes = 0;
  Traffic& operator+=(const Traffic& other) {
    calls += other.calls;
    bytes += other.bytes;
    return *this;
  }
  bool operator==(const Traffic&) const = default;
};

// What one rank moves in a step, by group. A group of one rank moves nothing.
struct RankTraffic {
  PerGroup<Traffic> group{};
  Traffic pipeline{};  // sends to neighbouring stages
  RankTraffic& operator+=(const RankTraffic& other);
  bool operator==(const RankTraffic&) const = default;
};

// The collectives of one op, hidden ones included.
RankTraffic traffic(const Op& op, const Program& program);

}  // namespace perfbench
