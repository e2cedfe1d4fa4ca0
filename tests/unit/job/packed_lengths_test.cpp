#include "job/packed_lengths.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace perfbench {
namespace {

std::int64_t sum(const std::vector<std::int64_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

// Over many packs: the mean length of the sub-sequence that a token is in.
double attended(std::int64_t seq_len, int packs) {
  double squares = 0.0;
  for (int sample = 0; sample < packs; ++sample) {
    for (const std::int64_t length : mock_packed_lengths(seq_len, 7, sample)) {
      squares += static_cast<double>(length) * static_cast<double>(length);
    }
  }
  return squares / static_cast<double>(seq_len * packs);
}

TEST(PackedLengths, OfMockDataAttendToAsMuchAsPackedSquad) {
  EXPECT_NEAR(attended(2048, 2000), 240.9, 0.02 * 240.9);
  for (const std::int64_t seq_len : {4096, 8192, 16384}) {
    EXPECT_NEAR(attended(seq_len, 1000), 205.7, 0.02 * 205.7) << seq_len;
  }
}

// What the Programs say of the data that they run on.
TEST(PackedLengths, OfMockDataAreWhatTheProgramsSay) {
  for (const std::int64_t seq_len : {16, 32, 64, 128, 512, 1000, 2048, 4096, 8192}) {
    const double said = mock_attended(seq_len);
    EXPECT_NEAR(attended(seq_len, 4000), said, 0.05 * said) << seq_len;
  }
  EXPECT_NEAR(mock_attended(4096), 205.7, 0.1);
  EXPECT_NEAR(mock_attended(2048), 240.9, 0.1);
}

TEST(PackedLengths, FillEachPackWithSubSequencesOfAtLeastOneToken) {
  for (std::int64_t seq_len = 1; seq_len <= 600; ++seq_len) {
    for (std::int64_t sample = 0; sample < 20; ++sample) {
      const auto lengths = mock_packed_lengths(seq_len, 3, sample);
      EXPECT_EQ(sum(lengths), seq_len);
      for (const std::int64_t length : lengths) EXPECT_GE(length, 1);
      EXPECT_GE(lengths.size(), seq_len >= 4 ? 2U : 1U) << seq_len;
    }
  }
}

TEST(PackedLengths, DependOnTheStreamAndTheSampleAlone) {
  std::set<std::vector<std::int64_t>> found;
  for (const std::uint64_t stream : {1, 2}) {
    for (std::int64_t sample = 0; sample < 8; ++sample) {
      const auto lengths = mock_packed_lengths(4096, stream, sample);
      EXPECT_EQ(mock_packed_lengths(4096, stream, sample), lengths);
      found.insert(lengths);
    }
  }
  EXPECT_EQ(found.size(), 16U);
}

}  // namespace
}  // namespace perfbench
