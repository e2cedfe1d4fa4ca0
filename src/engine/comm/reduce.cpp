#include "engine/comm/reduce.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr std::size_t kBlock = 512;  // elements that are summed at a time: they stay in the first cache

float widen(std::uint16_t bf16) { return std::bit_cast<float>(static_cast<std::uint32_t>(bf16) << 16); }

std::uint16_t narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);  // quiet, never infinity
  const std::uint32_t odd = (bits >> 16) & 1U;
  return static_cast<std::uint16_t>((bits + 0x7FFFU + odd) >> 16);
}

template <class Stored, class Summed>
Summed load(Stored value) {
  if constexpr (std::is_same_v<Stored, std::uint16_t>) {
    return widen(value);
  } else {
    return value;
  }
}

template <class Stored, class Summed>
Stored store(Summed value) {
  if constexpr (std::is_same_v<Stored, std::uint16_t>) {
    return narrow(value);
  } else {
    return value;
  }
}

template <class Summed>
Summed larger(Summed a, Summed b) {
  if constexpr (std::is_floating_point_v<Summed>) {
    if (std::isnan(b)) return b;
  }
  return b > a ? b : a;
}

template <class Stored, class Summed>
struct Block {
  std::array<Stored, kBlock> stored{};
  std::array<Summed, kBlock> sums{};

  void read(const std::byte* from, std::size_t count) { std::memcpy(stored.data(), from, count * sizeof(Stored)); }
  void start(std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) sums[k] = load<Stored, Summed>(stored[k]);
  }
  void add(std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) sums[k] += load<Stored, Summed>(stored[k]);
  }
  void take_larger(std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) sums[k] = larger(sums[k], load<Stored, Summed>(stored[k]));
  }
  void round(std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) stored[k] = store<Stored, Summed>(sums[k]);
  }
};

template <class Stored, class Summed>
void reduce_as(const std::vector<const std::byte*>& in, const std::vector<std::byte*>& out, std::size_t elements,
               Reduction reduction) {
  Block<Stored, Summed> block;
  for (std::size_t begin = 0; begin < elements; begin += kBlock) {
    const std::size_t count = std::min(kBlock, elements - begin);
    block.read(in.front() + begin * sizeof(Stored), count);
    block.start(count);
    for (std::size_t rank = 1; rank < in.size(); ++rank) {
      block.read(in[rank] + begin * sizeof(Stored), count);
      reduction == Reduction::sum ? block.add(count) : block.take_larger(count);
    }
    block.round(count);
    for (std::byte* to : out) std::memcpy(to + begin * sizeof(Stored), block.stored.data(), count * sizeof(Stored));
  }
}

}  // namespace

void reduce(const std::vector<const std::byte*>& in, const std::vector<std::byte*>& out, std::int64_t elements,
            DType dtype, Reduction reduction) {
  const auto count = static_cast<std::size_t>(elements);
  switch (dtype) {
    case DType::f32:
      return reduce_as<float, float>(in, out, count, reduction);
    case DType::bf16:
      return reduce_as<std::uint16_t, float>(in, out, count, reduction);
    case DType::i64:
      return reduce_as<std::int64_t, std::int64_t>(in, out, count, reduction);
    case DType::f8e4m3:
    case DType::f8e5m2:
      break;
  }
  check(false, "reduce: types of 8 bits are gathered, never summed");
}

}  // namespace perfbench
