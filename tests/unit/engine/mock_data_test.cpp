#include "engine/mock_data.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "job/packed_lengths.h"

namespace perfbench {
namespace {

Job small_job(bool packed) {
  Job job;
  job.model.vocab = 50;
  job.seq_len = 64;
  job.gbs = 4;
  job.packed = packed;
  return job;
}

TEST(MockBatch, OfWholeSamplesPredictsEachNextToken) {
  const Batch batch = mock_batch(small_job(false), 5, 2);
  EXPECT_TRUE(batch.starts.empty());
  EXPECT_EQ(std::ranges::count(batch.targets, kIgnoredTarget), 0);
}

// The same tokens; only the last one of each sub-sequence is followed by none.
TEST(MockBatch, OfPacksIgnoresWhatFollowsASubSequence) {
  const Batch whole = mock_batch(small_job(false), 5, 2), packed = mock_batch(small_job(true), 5, 2);
  EXPECT_EQ(packed.tokens, whole.tokens);
  ASSERT_EQ(packed.starts.size(), 4U * 64U);
  for (std::size_t i = 0; i < packed.starts.size(); ++i) {
    const auto column = static_cast<std::int64_t>(i % 64);
    const bool last = column == 63 || packed.starts[i + 1] == column + 1;
    EXPECT_EQ(packed.targets[i], last ? kIgnoredTarget : whole.targets[i]) << i;
    const bool first = packed.starts[i] == column;
    EXPECT_TRUE(first || (column > 0 && packed.starts[i] == packed.starts[i - 1])) << i;
  }
}

TEST(MockBatch, PacksEachStepAndSampleAnew) {
  const Batch first = mock_batch(small_job(true), 5, 0), second = mock_batch(small_job(true), 5, 1);
  EXPECT_EQ(mock_batch(small_job(true), 5, 0).starts, first.starts);
  EXPECT_NE(first.starts, second.starts);
  EXPECT_FALSE(std::equal(first.starts.begin(), first.starts.begin() + 64, first.starts.begin() + 64));
}

}  // namespace
}  // namespace perfbench
