// Sub-sequences inside a packed fine-tuning sample, as published FLOP counts take them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace perfbench {

struct PackedLengths {
  std::int64_t seq_len = 0;                                            // tokens of one pack
  double sum_of_squares = 0.0;                                         // of the lengths in one pack, on average
  double sum_of_lengths = 0.0;                                         // of the same pack: its real tokens
  double attended() const { return sum_of_squares / sum_of_lengths; }  // tokens that the average token attends to
};

// SQuAD-v1.1, the figures that Megatron-Bridge holds (commits fa4a01b79 and c8eefcffb, 2026-02 and 2026-03). For packs
// of 16384 tokens no figure is published; those of 4096 stand for them.
inline constexpr std::array kPackedSquad{PackedLengths{2048, 488991.0, 2030.0},  // 240.9
                                         PackedLengths{4096, 842603.0, 4096.0},  // 205.7
                                         PackedLengths{16384, 842603.0, 4096.0}};

constexpr std::optional<PackedLengths> packed_squad(std::int64_t seq_len) {
  for (const PackedLengths& lengths : kPackedSquad)
    if (lengths.seq_len == seq_len) return lengths;
  return std::nullopt;
}

}  // namespace perfbench
