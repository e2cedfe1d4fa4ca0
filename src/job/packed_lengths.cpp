#include "job/packed_lengths.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace perfbench {
namespace {

constexpr std::int64_t kUsualPack = 4096;  // its figures stand for packs of other lengths
constexpr double kUsualSpread = 1.2;       // attended tokens over mean length, where the pack lets it be
constexpr double kLongestShare = 0.38;     // of a pack that an average token may attend to: three sub-sequences
constexpr double kLargestVariance = 0.32;  // of lengths over their mean; 1 / 3 would let lengths of 0 in

// How a pack is cut: `count` lengths in proportion to weights that are spread evenly around 1.
struct Cut {
  std::int64_t count = 1;
  double variance = 0.0;  // of the weights
  // Of the lengths: sum of squares over the sum. The mean of a ratio of sums, to the first order in 1 / count.
  double attended(std::int64_t seq_len) const {
    const auto n = static_cast<double>(count);
    return static_cast<double>(seq_len) / n * (1.0 + variance) / (1.0 + variance / n);
  }
};

Cut cut_of(std::int64_t seq_len) {
  if (seq_len < 4) return {};
  const auto length = static_cast<double>(seq_len);
  const double published = packed_squad(seq_len).value_or(*packed_squad(kUsualPack)).attended();
  const double wanted = std::min(published, kLongestShare * length);
  const auto count = std::max<std::int64_t>(2, std::lround(kUsualSpread * length / wanted));
  // Solves Cut::attended() = wanted.
  const double n = static_cast<double>(count), spread = wanted * n / length;
  return {.count = count, .variance = std::clamp((spread - 1.0) / (1.0 - spread / n), 0.0, kLargestVariance)};
}

}  // namespace

double mock_attended(std::int64_t seq_len) { return cut_of(seq_len).attended(seq_len); }

std::vector<std::int64_t> mock_packed_lengths(std::int64_t seq_len, std::uint64_t stream, std::int64_t sample) {
  const Cut cut = cut_of(seq_len);
  const std::uint64_t own = random_at(stream, static_cast<std::uint64_t>(sample));
  const double width = std::sqrt(12.0 * cut.variance);  // of an even distribution with that variance
  std::vector<double> ends;                             // of the weights, one after the other
  double sum = 0.0;
  for (std::int64_t i = 0; i < cut.count; ++i) {
    sum += 1.0 + (random_share_at(own, static_cast<std::uint64_t>(i)) - 0.5) * width;
    ends.push_back(sum);
  }
  std::vector<std::int64_t> lengths;
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < cut.count; ++i) {
    const double share = ends[static_cast<std::size_t>(i)] / sum;
    const std::int64_t latest = seq_len - (cut.count - 1 - i);  // leaves a token for each of the others
    const std::int64_t end =
        std::clamp<std::int64_t>(std::lround(share * static_cast<double>(seq_len)), begin + 1, latest);
    lengths.push_back(end - begin);
    begin = end;
  }
  return lengths;
}

}  // namespace perfbench
