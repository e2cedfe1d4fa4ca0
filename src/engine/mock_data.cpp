#include "engine/mock_data.h"

#include "base/random.h"
#include "job/packed_lengths.h"

namespace perfbench {
namespace {

// The sub-sequences of one more sample: the last token of each is followed by none.
void pack(Batch& batch, std::int64_t seq_len, std::uint64_t stream, std::int64_t sample) {
  std::int64_t start = 0;
  for (const std::int64_t length : mock_packed_lengths(seq_len, stream, sample)) {
    batch.starts.insert(batch.starts.end(), static_cast<std::size_t>(length), start);
    start += length;
    batch.targets[static_cast<std::size_t>(sample * seq_len + start - 1)] = kIgnoredTarget;
  }
}

}  // namespace

Batch mock_batch(const Job& job, std::uint64_t seed, std::int64_t step) {
  const std::uint64_t stream = random_at(~seed, static_cast<std::uint64_t>(step));
  const auto token = [&](std::int64_t sample, std::int64_t position) {
    const auto place = static_cast<std::uint64_t>(sample * (job.seq_len + 1) + position);
    return static_cast<std::int64_t>(random_at(stream, place) % static_cast<std::uint64_t>(job.model.vocab));
  };
  Batch batch;
  for (std::int64_t sample = 0; sample < job.gbs; ++sample) {
    for (std::int64_t position = 0; position < job.seq_len; ++position) {
      batch.tokens.push_back(token(sample, position));
      batch.targets.push_back(token(sample, position + 1));
    }
    if (job.packed) pack(batch, job.seq_len, random_at(stream, ~std::uint64_t{0}), sample);
  }
  return batch;
}

}  // namespace perfbench
