// Kernels of experts, run on a CPU in both orders of threads: the router against LibTorch's softmax and its gradient,
// places of rows against a stable sort, the way of rows there and back against what it says.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "emulation/block.h"
#include "engine/kernels/kernels.h"

namespace perfbench {
namespace {

template <class T>
T* data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}
DType dtype_of(const at::Tensor& x) { return x.scalar_type() == at::kFloat ? DType::f32 : DType::bf16; }
at::Tensor floats(at::IntArrayRef sizes) { return at::full(sizes, NAN, at::TensorOptions().dtype(at::kFloat)); }
at::Tensor whole_numbers(at::IntArrayRef sizes) { return at::full(sizes, -77, at::TensorOptions().dtype(at::kLong)); }

class ExpertKernels : public testing::TestWithParam<emulation::Order> {
 protected:
  ExpertKernels() {
    torch::manual_seed(5);
    emulation::set_order(GetParam());
  }
  ~ExpertKernels() override { emulation::set_order(emulation::Order::ascending); }
};

struct Routed {
  at::Tensor choices, weights;
};

Routed route(const at::Tensor& logits, std::int64_t top_k, bool normalised, const at::Tensor& numbers = {}) {
  const Routed out{whole_numbers({logits.size(0), top_k}), floats({logits.size(0), top_k})};
  RouteCall call{.dtype = dtype_of(logits), .tokens = logits.size(0), .experts = static_cast<int>(logits.size(1))};
  call.top_k = static_cast<int>(top_k);
  call.logits = logits.data_ptr();
  call.numbers = numbers.defined() ? data<const std::int64_t>(numbers) : nullptr;
  call.salt = 3;
  call.normalised = normalised;
  call.choices = data<std::int64_t>(out.choices);
  call.weights = data<float>(out.weights);
  EXPECT_EQ(perfbench_route(&call, nullptr), 0);
  return out;
}

at::Tensor route_backward(const at::Tensor& logits, const Routed& routed, const at::Tensor& dweights, bool normalised) {
  const at::Tensor dlogits = at::full_like(logits, NAN);
  RouteBackwardCall call{.dtype = dtype_of(logits), .tokens = logits.size(0)};
  call.experts = static_cast<int>(logits.size(1));
  call.top_k = static_cast<int>(routed.choices.size(1));
  call.logits = logits.data_ptr();
  call.normalised = normalised;
  call.choices = data<const std::int64_t>(routed.choices);
  call.dweights = data<const float>(dweights);
  call.dlogits = dlogits.data_ptr();
  EXPECT_EQ(perfbench_route_backward(&call, nullptr), 0);
  return dlogits;
}

struct Router {
  std::int64_t tokens, experts, top_k;
};

// Fewer experts than lanes, as many, more; whole blocks of tokens and a part; all experts chosen.
TEST_P(ExpertKernels, RouteAsSoftmaxAndTopK) {
  for (const auto& [tokens, experts, top_k] :
       {Router{5, 8, 2}, Router{1, 3, 3}, Router{8, 64, 6}, Router{3, 129, 8}, Router{2, 512, 32}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const bool normalised : {false, true}) {
        SCOPED_TRACE(testing::Message() << experts << " experts, " << top_k << ", " << dtype << ", " << normalised);
        const at::Tensor logits = torch::randn({tokens, experts}).to(dtype);
        const Routed routed = route(logits, top_k, normalised);
        const torch::Tensor leaf = logits.to(torch::kDouble).requires_grad_(true);
        const torch::Tensor scores = torch::softmax(leaf, 1);
        const auto [sorted, order] = logits.to(at::kFloat).sort(true, 1, true);  // stable: equal ones by number
        ASSERT_TRUE(torch::equal(routed.choices, order.narrow(1, 0, top_k)));
        torch::Tensor weights = scores.gather(1, routed.choices);
        if (normalised) weights = weights / weights.sum(1, true);
        EXPECT_TRUE(torch::allclose(routed.weights.to(torch::kDouble), weights.detach(), 1e-5, 1e-7));
        const at::Tensor dweights = torch::randn({tokens, top_k});
        weights.backward(dweights.to(torch::kDouble));
        const at::Tensor dlogits = route_backward(logits, routed, dweights, normalised);
        const double error = dtype == at::kFloat ? 1e-5 : 8e-3;
        EXPECT_TRUE(torch::allclose(dlogits.to(torch::kDouble), leaf.grad(), error, 1e-7));
      }
    }
  }
}

TEST_P(ExpertKernels, EqualLogitsAndWhatIsNoNumber) {
  at::Tensor logits = torch::zeros({3, 40});
  logits[0][7] = -0.0;  // equal to 0
  logits[1].fill_(-INFINITY);
  logits[2].fill_(NAN);
  const Routed routed = route(logits, 4, false);
  const at::Tensor first = torch::arange(4);
  for (int token = 0; token < 3; ++token) EXPECT_TRUE(torch::equal(routed.choices[token], first)) << token;
  EXPECT_TRUE(torch::allclose(routed.weights[0], torch::full({4}, 1.0 / 40.0)));
}

// By the tokens' numbers alone: where a token lies has no part in it.
TEST_P(ExpertKernels, DrawnLogitsAreThoseOfTheNumber) {
  constexpr std::int64_t kExperts = 24;
  const at::Tensor numbers = torch::tensor({900, 7, 12345678}, torch::kLong);
  const Routed routed = route(torch::zeros({3, kExperts}), 3, true, numbers);
  at::Tensor drawn = torch::empty({3, kExperts});
  for (std::int64_t token = 0; token < 3; ++token) {
    for (std::int64_t expert = 0; expert < kExperts; ++expert) {
      const std::int64_t place = numbers[token].item<std::int64_t>() * kExperts + expert;
      drawn[token][expert] = static_cast<float>(random_at(3, static_cast<std::uint64_t>(place)) >> 40U) * 0x1p-24F;
    }
  }
  const Routed expected = route(drawn, 3, true);
  EXPECT_TRUE(torch::equal(routed.choices, expected.choices));
  EXPECT_TRUE(torch::equal(routed.weights, expected.weights));
}

TEST_P(ExpertKernels, MoreExpertsThanAWarpHoldsAreRefused) {
  RouteCall call{.dtype = DType::f32, .tokens = 1, .experts = kMostExperts + 1, .top_k = 2};
  EXPECT_NE(perfbench_route(&call, nullptr), 0);
  PlaceRowsCall place{.choices = 1, .experts = kMostExperts + 1};
  EXPECT_NE(perfbench_place_rows(&place, nullptr), 0);
}

struct Placed {
  std::vector<std::int64_t> places, counts;
  bool operator==(const Placed&) const = default;
};

Placed place_rows(const std::vector<std::int64_t>& choices, int experts, std::int64_t capacity,
                  const std::vector<float>& weights) {
  Placed out{std::vector<std::int64_t>(choices.size(), -77),
             std::vector<std::int64_t>(static_cast<std::size_t>(experts))};
  const auto count = static_cast<std::int64_t>(choices.size());
  std::vector<std::int64_t> scratch(static_cast<std::size_t>(place_rows_scratch(count, experts, capacity > 0)));
  PlaceRowsCall call{.choices = count, .experts = experts, .capacity = capacity};
  call.experts_of = choices.data();
  call.weights = weights.data();
  call.scratch = scratch.data();
  call.places = out.places.data();
  call.counts = out.counts.data();
  EXPECT_EQ(perfbench_place_rows(&call, nullptr), 0);
  return out;
}

// The rows of each expert, by its choices in their order.
Placed expected_places(const std::vector<std::int64_t>& choices, int experts, std::int64_t capacity,
                       const std::vector<float>& weights) {
  Placed out{std::vector<std::int64_t>(choices.size(), -1),
             std::vector<std::int64_t>(static_cast<std::size_t>(experts))};
  std::int64_t first = 0;
  for (int expert = 0; expert < experts; ++expert) {
    std::vector<std::size_t> own;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      if (choices[i] == expert) own.push_back(i);
    }
    if (capacity > 0) {
      std::ranges::stable_sort(own, [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
      own.resize(std::min(own.size(), static_cast<std::size_t>(capacity)));
      std::ranges::sort(own);
    }
    for (std::size_t i = 0; i < own.size(); ++i) out.places[own[i]] = first + static_cast<std::int64_t>(i);
    const std::int64_t rows = capacity > 0 ? capacity : std::ssize(own);
    out.counts[static_cast<std::size_t>(expert)] = rows;
    first += rows;
  }
  return out;
}

struct Placing {
  std::int64_t choices;
  int experts;
};

// One block of choices, more, and a part of one; more experts than threads; experts that nobody chooses.
TEST_P(ExpertKernels, PlacesAsAStableSort) {
  for (const auto& [count, experts] : {Placing{1, 1}, Placing{60, 5}, Placing{2100, 300}, Placing{1024, 8}}) {
    std::vector<std::int64_t> choices;
    std::vector<float> weights;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
      choices.push_back(static_cast<std::int64_t>(random_at(1, i) % static_cast<std::uint64_t>(experts)));
      if (experts == 5 && choices.back() == 3) choices.back() = 0;
      weights.push_back(static_cast<float>(random_at(2, i) % 7U));  // many are equal
    }
    for (const std::int64_t capacity : {std::int64_t{0}, std::int64_t{1}, std::int64_t{9}, count}) {
      SCOPED_TRACE(testing::Message() << count << " choices, " << experts << " experts, capacity " << capacity);
      EXPECT_EQ(place_rows(choices, experts, capacity, weights), expected_places(choices, experts, capacity, weights));
    }
  }
}

TEST_P(ExpertKernels, WeightsThatAreNoNumbersStayInTheirExpertsRows) {
  const std::vector<std::int64_t> choices(12, 1);
  std::vector<float> weights(12, NAN);
  for (std::size_t i = 0; i < 12; i += 3) weights[i] = static_cast<float>(i);
  for (const std::int64_t place : place_rows(choices, 3, 4, weights).places) {
    EXPECT_TRUE(place == -1 || (place >= 4 && place < 8)) << place;
  }
}

struct Way {
  std::int64_t tokens, width, top_k, num_rows;
};

at::Tensor some_places(const Way& way) {
  at::Tensor places = torch::randperm(std::max(way.num_rows, way.tokens * way.top_k), torch::kLong)
                          .narrow(0, 0, way.tokens * way.top_k)
                          .view({way.tokens, way.top_k})
                          .clone();
  places.masked_fill_(places.ge(way.num_rows), -1);
  return places;
}

// As many rows as choices, fewer (some are dropped), more (some are nobody's).
TEST_P(ExpertKernels, RowsGoToTheirPlacesAndBack) {
  for (const Way& way : {Way{5, 24, 2, 10}, Way{3, 7, 4, 9}, Way{4, 2056, 1, 70}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << way.width << ' ' << dtype);
      const at::Tensor x = torch::randn({way.tokens, way.width}).to(dtype), places = some_places(way);
      const at::Tensor weights = torch::rand({way.tokens, way.top_k});
      const at::Tensor rows = at::full({way.num_rows, way.width}, NAN, x.options()),
                       row_weights = floats({way.num_rows});
      const at::Tensor taken = torch::zeros({way.num_rows}, torch::kByte);
      PermuteCall call{.dtype = dtype_of(x), .tokens = way.tokens, .width = way.width, .num_rows = way.num_rows};
      call.top_k = static_cast<int>(way.top_k);
      call.x = x.data_ptr();
      call.places = data<const std::int64_t>(places);
      call.weights = data<const float>(weights);
      call.rows = rows.data_ptr();
      call.row_weights = data<float>(row_weights);
      call.taken = data<std::uint8_t>(taken);
      EXPECT_EQ(perfbench_permute(&call, nullptr), 0);

      at::Tensor expected = torch::zeros({way.num_rows, way.width}, x.options()),
                 its_weights = torch::zeros({way.num_rows});
      at::Tensor sums = torch::zeros({way.tokens, way.width}, torch::kDouble);
      for (std::int64_t token = 0; token < way.tokens; ++token) {
        for (std::int64_t choice = 0; choice < way.top_k; ++choice) {
          const auto row = places[token][choice].item<std::int64_t>();
          if (row < 0) continue;
          expected[row] = x[token];
          its_weights[row] = weights[token][choice];
          sums[token] += x[token].to(torch::kDouble);
        }
      }
      EXPECT_TRUE(torch::equal(rows, expected));
      EXPECT_TRUE(torch::equal(row_weights, its_weights));

      const at::Tensor y = at::full_like(x, NAN), back = floats({way.tokens, way.top_k});
      UnpermuteCall way_back{.dtype = dtype_of(x), .tokens = way.tokens, .width = way.width};
      way_back.top_k = call.top_k;
      way_back.rows = rows.data_ptr();
      way_back.places = call.places;
      way_back.row_weights = data<const float>(row_weights);
      way_back.y = y.data_ptr();
      way_back.weights = data<float>(back);
      EXPECT_EQ(perfbench_unpermute(&way_back, nullptr), 0);
      EXPECT_TRUE(torch::allclose(y.to(torch::kDouble), sums, dtype == at::kFloat ? 1e-6 : 4e-3, 1e-7));
      EXPECT_TRUE(torch::equal(back, weights.masked_fill(places.lt(0), 0.0)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, ExpertKernels, testing::Values(emulation::Order::ascending, emulation::Order::descending),
                         [](const auto& one) {
                           return one.param == emulation::Order::ascending ? "ascending" : "descending";
                         });

}  // namespace
}  // namespace perfbench
