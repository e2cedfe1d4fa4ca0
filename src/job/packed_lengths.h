// Sub-sequences inside a packed fine-tuning sample: as published FLOP counts take them, and as mock data has them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

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

// The mean length of the sub-sequence that a token of mock data is in: sum of squares over sum of the lengths. The
// published figure of packs of `seq_len` tokens, else that of 4096; of packs too short for it, what they can have.
double mock_attended(std::int64_t seq_len);

// Lengths of the sub-sequences of one pack, at least one token each and seq_len together. `stream` stands for the seed
// and the step, `sample` for the pack's place in the global batch. Packs of 4 tokens and more have at least two.
std::vector<std::int64_t> mock_packed_lengths(std::int64_t seq_len, std::uint64_t stream, std::int64_t sample);

}  // namespace perfbench
