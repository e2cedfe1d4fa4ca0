#include "engine/mock_data.h"

#include <algorithm>
#include <cmath>

#include "engine/session.h"
#include "job/packed_lengths.h"

namespace perfbench {
namespace {

constexpr double kInitialDeviation = 0.02;

// FNV-1a, so that every tensor has a stream of its own.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace

InitialLaw initial_law(const std::string& name, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  if (shape.size() == 1) return {.value = name.ends_with(".bias") ? 0.0 : 1.0};
  if (name.ends_with(".lora_B.weight")) return {};     // an adapter adds nothing at first
  double width = kInitialDeviation * std::sqrt(12.0);  // of a uniform distribution with that deviation
  if (name.ends_with(".lora_A.weight")) width = 2.0 / std::sqrt(static_cast<double>(shape[1]));  // peft's, Kaiming's
  return {.width = width, .stream = random_at(seed, hash_of(name))};
}

std::vector<float> initial_weights(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::uint64_t seed) {
  std::int64_t elements = 1;
  for (std::int64_t size : shape) elements *= size;
  const InitialLaw law = initial_law(name, shape, seed);
  std::vector<float> values(static_cast<std::size_t>(elements), static_cast<float>(law.value));
  if (law.width == 0.0) return values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(law.value + (random_share_at(law.stream, i) - 0.5) * law.width);
  }
  return values;
}

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

Batch mock_batch(const Job& job, std::uint64_t seed, std::int64_t step) { return mock_batch(job, job.gbs, seed, step); }

Batch mock_batch(const Job& job, std::int64_t samples, std::uint64_t seed, std::int64_t step) {
  const std::uint64_t stream = random_at(~seed, static_cast<std::uint64_t>(step));
  const auto token = [&](std::int64_t sample, std::int64_t position) {
    const auto place = static_cast<std::uint64_t>(sample * (job.seq_len + 1) + position);
    return static_cast<std::int64_t>(random_at(stream, place) % static_cast<std::uint64_t>(job.model.vocab));
  };
  Batch batch;
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    for (std::int64_t position = 0; position < job.seq_len; ++position) {
      batch.tokens.push_back(token(sample, position));
      batch.targets.push_back(token(sample, position + 1));
    }
    if (job.packed) pack(batch, job.seq_len, random_at(stream, ~std::uint64_t{0}), sample);
  }
  return batch;
}

}  // namespace perfbench
