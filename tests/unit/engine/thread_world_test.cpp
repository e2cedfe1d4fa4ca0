#include "engine/comm/thread_world.h"

#include <gmock/gmock.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "unit/engine/ranks.h"

namespace perfbench {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

std::vector<int> all_ranks(int size) {
  std::vector<int> ranks(static_cast<std::size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// Random bit patterns: floats of very different size, so that another order of a sum shows. `largest` bounds the
// exponent, so that no sum overflows.
Bytes values(int rank, std::int64_t elements, DType dtype) {
  std::mt19937_64 random(static_cast<std::uint64_t>(rank) * 7919U + static_cast<std::uint64_t>(elements));
  Bytes bytes(static_cast<std::size_t>(elements * size_bytes(dtype)));
  for (std::int64_t i = 0; i < elements; ++i) {
    const auto bits = random();
    const float value = std::ldexp(static_cast<float>(bits >> 40U) - 0x1p23F, static_cast<int>(bits % 12));
    const std::uint32_t f32 = std::bit_cast<std::uint32_t>(value);
    const std::uint16_t bf16 = static_cast<std::uint16_t>(f32 >> 16U);
    const std::uint64_t i64 = bits >> 8U;
    const void* from = &bits;
    if (dtype == DType::f32) from = &f32;
    if (dtype == DType::bf16) from = &bf16;
    if (dtype == DType::i64) from = &i64;
    std::memcpy(bytes.data() + i * size_bytes(dtype), from, static_cast<std::size_t>(size_bytes(dtype)));
  }
  return bytes;
}

template <class T>
T element(const Bytes& bytes, std::int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

// The nearest bf16 by trying the two neighbours, ties to the even one.
std::uint16_t nearest_bf16(float value) {
  const auto below = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U);
  const auto above = static_cast<std::uint16_t>(below + 1U);
  const auto distance = [&](std::uint16_t bits) {
    return std::abs(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U)) - value);
  };
  if (distance(below) == distance(above)) return below % 2 == 0 ? below : above;
  return distance(below) < distance(above) ? below : above;
}

// The plain loop: elements `begin` .. of all inputs, in rank order.
Bytes reduced(const std::vector<Bytes>& in, std::int64_t begin, std::int64_t elements, DType dtype, Reduction how) {
  Bytes out(static_cast<std::size_t>(elements * size_bytes(dtype)));
  for (std::int64_t i = 0; i < elements; ++i) {
    std::byte* to = out.data() + i * size_bytes(dtype);
    if (dtype == DType::i64) {
      auto total = element<std::int64_t>(in[0], begin + i);
      for (std::size_t r = 1; r < in.size(); ++r) {
        const auto x = element<std::int64_t>(in[r], begin + i);
        total = how == Reduction::sum ? total + x : std::max(total, x);
      }
      std::memcpy(to, &total, sizeof total);
      continue;
    }
    float total = 0;
    for (std::size_t r = 0; r < in.size(); ++r) {
      const float x =
          dtype == DType::f32
              ? element<float>(in[r], begin + i)
              : std::bit_cast<float>(static_cast<std::uint32_t>(element<std::uint16_t>(in[r], begin + i)) << 16U);
      total = r == 0 ? x : how == Reduction::sum ? total + x : std::max(total, x);
    }
    const std::uint16_t rounded = nearest_bf16(total);
    const void* from = &rounded;
    if (dtype == DType::f32) from = &total;
    std::memcpy(to, from, static_cast<std::size_t>(size_bytes(dtype)));
  }
  return out;
}

struct Case {
  int size = 1;
  std::int64_t elements = 0;
  DType dtype = DType::f32;
};

std::vector<Case> cases(const std::vector<DType>& dtypes) {
  std::vector<Case> all;
  for (int size : {1, 2, 3, 4, 8}) {
    for (std::int64_t elements : {std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, std::int64_t{1021}}) {
      for (DType dtype : dtypes) all.push_back({size, elements, dtype});
    }
  }
  return all;
}

std::string text(const Case& c) {
  return std::to_string(c.size) + " ranks, " + std::to_string(c.elements) + " x " + std::string(name(c.dtype));
}

TEST(ThreadWorld, AllGatherPutsTheRanksPartsInOrder) {
  for (const Case& c : cases({DType::f32, DType::bf16, DType::f8e4m3, DType::f8e5m2, DType::i64})) {
    SCOPED_TRACE(text(c));
    Bytes wanted;
    for (int rank = 0; rank < c.size; ++rank) {
      const Bytes part = values(rank, c.elements, c.dtype);
      wanted.insert(wanted.end(), part.begin(), part.end());
    }
    ThreadWorld world(c.size);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, all_ranks(c.size));
      const Bytes in = values(rank, c.elements, c.dtype);
      Bytes out(wanted.size());
      group->all_gather(in.data(), out.data(), c.elements, c.dtype);
      EXPECT_EQ(out, wanted);
      const auto moved = static_cast<std::int64_t>(wanted.size());
      EXPECT_EQ(group->traffic(), (c.size == 1 ? Traffic{} : Traffic{.calls = 1, .bytes = moved}));
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

TEST(ThreadWorld, ReduceScatterSumsInRankOrder) {
  for (const Case& c : cases({DType::f32, DType::bf16, DType::i64})) {
    SCOPED_TRACE(text(c));
    std::vector<Bytes> in;
    for (int rank = 0; rank < c.size; ++rank) in.push_back(values(rank, c.elements * c.size, c.dtype));
    ThreadWorld world(c.size);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, all_ranks(c.size));
      const Bytes& mine = in[static_cast<std::size_t>(rank)];
      Bytes out(static_cast<std::size_t>(c.elements * size_bytes(c.dtype)));
      group->reduce_scatter(mine.data(), out.data(), c.elements, c.dtype);
      EXPECT_EQ(out, reduced(in, rank * c.elements, c.elements, c.dtype, Reduction::sum));
      const auto moved = static_cast<std::int64_t>(mine.size());
      EXPECT_EQ(group->traffic(), (c.size == 1 ? Traffic{} : Traffic{.calls = 1, .bytes = moved}));
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

TEST(ThreadWorld, AllReduceGivesEveryRankTheSameSumOrMaximum) {
  for (const Reduction how : {Reduction::sum, Reduction::max}) {
    for (const Case& c : cases({DType::f32, DType::bf16, DType::i64})) {
      SCOPED_TRACE(text(c));
      std::vector<Bytes> in;
      for (int rank = 0; rank < c.size; ++rank) in.push_back(values(rank, c.elements, c.dtype));
      const Bytes wanted = reduced(in, 0, c.elements, c.dtype, how);
      ThreadWorld world(c.size);
      const auto errors = run_ranks(world, [&](int rank) {
        const auto group = world.group(rank, all_ranks(c.size));
        Bytes data = in[static_cast<std::size_t>(rank)];
        group->all_reduce(data.data(), c.elements, c.dtype, how);
        EXPECT_EQ(data, wanted);
        const auto moved = static_cast<std::int64_t>(wanted.size());
        EXPECT_EQ(group->traffic(), (c.size == 1 ? Traffic{} : Traffic{.calls = 1, .bytes = moved}));
      });
      EXPECT_THAT(errors, Each(IsEmpty()));
    }
  }
}

TEST(ThreadWorld, ARingShiftMovesEachRanksPartToTheNext) {
  for (const Case& c : cases({DType::f32, DType::bf16, DType::f8e4m3, DType::i64})) {
    SCOPED_TRACE(text(c));
    ThreadWorld world(c.size);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, all_ranks(c.size));
      Bytes here = values(rank, c.elements, c.dtype), next(here.size());
      for (int shifts = 1; shifts <= c.size; ++shifts) {
        group->ring_shift(here.data(), next.data(), c.elements, c.dtype);
        std::swap(here, next);
        EXPECT_EQ(here, values((rank + c.size - shifts) % c.size, c.elements, c.dtype));
      }
      const auto moved = static_cast<std::int64_t>(here.size()) * c.size;
      EXPECT_EQ(group->traffic(), (c.size == 1 ? Traffic{} : Traffic{.calls = c.size, .bytes = moved}));
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

// Parts of 3 ranks with another number of elements each, one of them empty, in a group of another order.
struct PartsCase {
  std::vector<int> members;
  std::vector<std::int64_t> elements;  // of each member
};

std::vector<PartsCase> parts_cases() {
  return {{{1, 2, 0}, {5, 0, 3}}, {{0, 1, 2}, {0, 0, 0}}, {{2, 0, 1}, {1, 7, 2}}};
}

TEST(ThreadWorld, PartsOfUnequalSizesAreGatheredInOrder) {
  for (const PartsCase& c : parts_cases()) {
    Bytes wanted;
    for (std::size_t i = 0; i < 3; ++i) {
      const Bytes part = values(c.members[i], c.elements[i], DType::bf16);
      wanted.insert(wanted.end(), part.begin(), part.end());
    }
    ThreadWorld world(3);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, c.members);
      const Bytes in = values(rank, c.elements[static_cast<std::size_t>(group->rank())], DType::bf16);
      Bytes out(wanted.size());
      group->all_gather_parts(in.data(), out.data(), c.elements, DType::bf16);
      EXPECT_EQ(out, wanted);
      EXPECT_EQ(group->traffic(), (Traffic{.calls = 1, .bytes = static_cast<std::int64_t>(wanted.size())}));
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

TEST(ThreadWorld, SumsAreScatteredInPartsOfUnequalSizes) {
  for (const PartsCase& c : parts_cases()) {
    const std::int64_t all = std::accumulate(c.elements.begin(), c.elements.end(), std::int64_t{0});
    std::vector<Bytes> in;
    for (int rank : c.members) in.push_back(values(rank, all, DType::f32));
    ThreadWorld world(3);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, c.members);
      const auto own = static_cast<std::size_t>(group->rank());
      const std::int64_t before =
          std::accumulate(c.elements.begin(), c.elements.begin() + group->rank(), std::int64_t{0});
      Bytes out(static_cast<std::size_t>(c.elements[own]) * sizeof(float));
      group->reduce_scatter_parts(in[own].data(), out.data(), c.elements, DType::f32);
      EXPECT_EQ(out, reduced(in, before, c.elements[own], DType::f32, Reduction::sum));
      EXPECT_EQ(group->traffic(), (Traffic{.calls = 1, .bytes = all * 4}));
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

// Rank a sends a + 2 b elements to rank b, number 100 a + 10 b + i each: nothing from 0 to itself.
TEST(ThreadWorld, AnAllToAllBringsEveryRankItsPartsInTheOrderOfTheirSources) {
  for (int size : {1, 2, 4}) {
    SCOPED_TRACE(std::to_string(size) + " ranks");
    ThreadWorld world(size);
    const auto errors = run_ranks(world, [&](int rank) {
      std::vector<std::int64_t> send, receive, in, wanted;
      for (int peer = 0; peer < size; ++peer) {
        send.push_back(rank + 2 * peer);
        receive.push_back(peer + 2 * rank);
        for (int i = 0; i < rank + 2 * peer; ++i) in.push_back(100 * rank + 10 * peer + i);
        for (int i = 0; i < peer + 2 * rank; ++i) wanted.push_back(100 * peer + 10 * rank + i);
      }
      const auto group = world.group(rank, all_ranks(size));
      std::vector<std::int64_t> out(wanted.size()), back(in.size());
      group->all_to_all(in.data(), send, out.data(), receive, DType::i64);
      EXPECT_EQ(out, wanted);
      const auto moved = static_cast<std::int64_t>(in.size()) * 8;
      EXPECT_EQ(group->traffic(), (size == 1 ? Traffic{} : Traffic{.calls = 1, .bytes = moved}));
      group->all_to_all(out.data(), receive, back.data(), send, DType::i64);
      EXPECT_EQ(back, in);
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

TEST(ThreadWorld, APartThatIsNotExpectedIsNamedWithBothRanks) {
  ThreadWorld world(3);
  const auto errors = run_ranks(world, [&](int rank) {
    const auto group = world.group(rank, all_ranks(3));
    const std::vector<std::int64_t> send = {1, 1, rank == 2 ? 1 : 2}, ones = {1, 1, 1};
    std::vector<float> in(4), out(4);
    group->all_to_all(in.data(), send, out.data(), ones, DType::f32);
  });
  EXPECT_THAT(errors, Each(HasSubstr("all_to_all: rank 0 sends 2 x f32 to rank 2, which expects 1, in the group")));
}

// Another order of ranks gives other bits: the group's order counts, whoever comes first.
TEST(ThreadWorld, SumsAreTheSameBitForBitOverRepetitionsAndFollowTheGroupsOrder) {
  const std::vector<int> members = {2, 0, 3, 1};
  std::vector<Bytes> in;
  for (int rank : members) in.push_back(values(rank, 1021, DType::f32));
  const Bytes wanted = reduced(in, 0, 1021, DType::f32, Reduction::sum);
  ThreadWorld world(4);
  const auto errors = run_ranks(world, [&](int rank) {
    const auto group = world.group(rank, members);
    EXPECT_EQ(members[static_cast<std::size_t>(group->rank())], rank);
    for (int repetition = 0; repetition < 200; ++repetition) {
      Bytes data = values(rank, 1021, DType::f32);
      group->all_reduce(data.data(), 1021, DType::f32, Reduction::sum);
      ASSERT_EQ(data, wanted);
    }
  });
  EXPECT_THAT(errors, Each(IsEmpty()));
}

TEST(ThreadWorld, AMaximumKeepsANaN) {
  for (int holder : {0, 1}) {
    ThreadWorld world(2);
    run_ranks(world, [&](int rank) {
      float value = rank == holder ? std::numeric_limits<float>::quiet_NaN() : 1.0F;
      world.group(rank, {0, 1})->all_reduce(&value, 1, DType::f32, Reduction::max);
      EXPECT_TRUE(std::isnan(value));
    });
  }
}

TEST(ThreadWorld, CollectivesWorkInPlaceAsNcclsDo) {
  ThreadWorld world(3);
  const auto errors = run_ranks(world, [&](int rank) {
    const auto group = world.group(rank, all_ranks(3));
    std::vector<std::int64_t> data = {-1, -1, -1};
    data[static_cast<std::size_t>(rank)] = rank;
    group->all_gather(&data[static_cast<std::size_t>(rank)], data.data(), 1, DType::i64);
    EXPECT_EQ(data, (std::vector<std::int64_t>{0, 1, 2}));
    group->reduce_scatter(data.data(), &data[static_cast<std::size_t>(rank)], 1, DType::i64);
    EXPECT_EQ(data[static_cast<std::size_t>(rank)], 3 * rank);
  });
  EXPECT_THAT(errors, Each(IsEmpty()));
}

// Each rank is in a row and in a column of a 2 x 4 mesh, as with tensor and data parallelism; groups of the same
// members are told apart by the order in which they are asked for.
TEST(ThreadWorld, GroupsSideBySideDoNotMix) {
  ThreadWorld world(8);
  const auto errors = run_ranks(world, [&](int rank) {
    const int row = rank / 4 * 4, column = rank % 4;
    const auto tp = world.group(rank, {row, row + 1, row + 2, row + 3});
    const auto dp = world.group(rank, {column, column + 4});
    const auto other_tp = world.group(rank, {row, row + 1, row + 2, row + 3});
    for (int repetition = 0; repetition < 50; ++repetition) {
      std::int64_t a = rank, b = rank, c = 1;
      tp->all_reduce(&a, 1, DType::i64, Reduction::sum);
      other_tp->all_reduce(&c, 1, DType::i64, Reduction::sum);
      dp->all_reduce(&b, 1, DType::i64, Reduction::sum);
      ASSERT_EQ(a, 4 * row + 6);
      ASSERT_EQ(b, 2 * column + 4);
      ASSERT_EQ(c, 4);
    }
    EXPECT_EQ(dp->traffic(), (Traffic{.calls = 50, .bytes = 400}));
  });
  EXPECT_THAT(errors, Each(IsEmpty()));
}

TEST(ThreadWorld, MembersThatDisagreeAreNamedWithTheirCalls) {
  struct Disagreement {
    std::function<void(Communicator&, float*)> call;  // what rank 2 does; ranks 0 and 1 sum 4 floats
    std::string text;
  };
  const std::vector<Disagreement> disagreements = {
      {[](Communicator& g, float* x) { g.all_reduce(x, 3, DType::f32, Reduction::sum); }, "all_reduce(sum) of 3 x f32"},
      {[](Communicator& g, float* x) { g.all_reduce(x, 4, DType::bf16, Reduction::sum); },
       "all_reduce(sum) of 4 x bf16"},
      {[](Communicator& g, float* x) { g.all_reduce(x, 4, DType::f32, Reduction::max); }, "all_reduce(max) of 4 x f32"},
      {[](Communicator& g, float* x) { g.all_gather(x, x + 4, 4, DType::f32); }, "all_gather of 4 x f32"},
      {[](Communicator& g, float* x) { g.reduce_scatter(x, x, 4, DType::f32); }, "reduce_scatter of 4 x f32"},
      {[](Communicator& g, float* x) { g.ring_shift(x, x + 4, 4, DType::f32); }, "ring_shift of 4 x f32"},
      {[](Communicator& g, float* x) {
         g.all_gather_parts(x, x + 4, std::vector<std::int64_t>{1, 2, 4}, DType::f32);
       },
       "all_gather of (1, 2, 4) x f32"},
  };
  for (const Disagreement& disagreement : disagreements) {
    ThreadWorld world(3);
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, all_ranks(3));
      std::vector<float> data(16);
      if (rank == 2) {
        disagreement.call(*group, data.data());
      } else {
        group->all_reduce(data.data(), 4, DType::f32, Reduction::sum);
      }
    });
    EXPECT_THAT(errors, Each(HasSubstr("rank 0 calls all_reduce(sum) of 4 x f32, but rank 2 calls " +
                                       disagreement.text + ", in the group of ranks 0, 1, 2")));
  }
}

TEST(ThreadWorld, AMissingMemberIsNamedWithTheCallThatTheOthersWaitIn) {
  ThreadWorld world(4, {.timeout = std::chrono::milliseconds(30)});
  const auto errors = run_ranks(world, [&](int rank) {
    if (rank == 1 || rank == 3) return;
    const auto group = world.group(rank, all_ranks(4));
    std::vector<float> data(8);
    group->reduce_scatter(data.data(), data.data(), 2, DType::f32);
  });
  for (int waiting : {0, 2}) {
    EXPECT_THAT(errors[static_cast<std::size_t>(waiting)],
                HasSubstr("reduce_scatter of 2 x f32: ranks 1, 3 did not come within 0.03 s, in the group of ranks 0, "
                          "1, 2, 3"));
  }
}

TEST(ThreadWorld, AbortWakesAllWhoWaitAndRefusesLaterCalls) {
  ThreadWorld world(4);
  const auto errors = run_ranks(world, [&](int rank) {
    const auto group = world.group(rank, all_ranks(4));
    const auto transfers = world.transfers(rank);
    std::int64_t value = 0;
    if (rank == 0) {
      world.abort("rank 0 ran out of memory");
      world.abort("a later reason");
    } else if (rank == 1) {
      transfers->wait(transfers->receive(0, 0, 0, &value, 8));
    } else {
      group->all_reduce(&value, 1, DType::i64, Reduction::sum);
    }
    EXPECT_THROW(world.group(rank, {rank})->all_reduce(&value, 1, DType::i64, Reduction::sum), RunError);
    EXPECT_THROW(transfers->send(0, 0, 0, &value, 8), RunError);
  });
  EXPECT_THAT(errors[0], IsEmpty());
  for (std::size_t rank : {1, 2, 3}) EXPECT_THAT(errors[rank], HasSubstr("rank 0 ran out of memory"));
}

// A rank that throws frees its buffers while others may still copy from them: run with a sanitizer, this shows it.
TEST(ThreadWorld, AnAbortInTheMiddleOfCollectivesLeavesNobodyReadingFreedMemory) {
  for (int repetition = 0; repetition < 30; ++repetition) {
    ThreadWorld world(4);
    std::atomic<int> done = 0;
    const auto errors = run_ranks(world, [&](int rank) {
      const auto group = world.group(rank, all_ranks(4));
      for (int call = 0;; ++call) {
        std::vector<float> data(4096, 1.0F);
        if (rank == 0 && call == repetition) world.abort("stop");
        group->all_reduce(data.data(), 4096, DType::f32, Reduction::sum);
        EXPECT_EQ(data[4095], 4.0F);
        ++done;
      }
    });
    EXPECT_THAT(errors, Each(HasSubstr("stop")));
  }
}

TEST(ThreadWorld, RefusesWhatNoProgramMayAsk) {
  ThreadWorld world(2);
  float value = 0;
  EXPECT_THROW(world.group(0, {0, 0}), std::logic_error);
  EXPECT_THROW(world.group(0, {1}), std::logic_error);
  EXPECT_THROW(world.group(0, {0, 2}), std::logic_error);
  EXPECT_THROW(world.transfers(2), std::logic_error);
  EXPECT_THROW(world.group(0, {0, 1})->all_reduce(&value, 1, DType::f8e4m3, Reduction::sum), std::logic_error);
  const std::vector<std::int64_t> one = {1}, negative = {-1}, two = {1, 1};
  EXPECT_THROW(world.group(0, {0, 1})->all_to_all(&value, one, &value, one, DType::f32), std::logic_error);
  EXPECT_THROW(world.group(0, {0})->all_to_all(&value, one, &value, negative, DType::f32), std::logic_error);
  EXPECT_THROW(world.group(0, {0})->all_gather_parts(&value, &value, two, DType::f32), std::logic_error);
  EXPECT_THROW(world.group(0, {0})->all_gather(&value, &value, -1, DType::f32), std::logic_error);
}

}  // namespace
}  // namespace perfbench
