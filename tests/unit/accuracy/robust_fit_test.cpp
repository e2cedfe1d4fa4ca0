#include "accuracy/robust_fit.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace perfbench {
namespace {

TEST(RobustFit, WithoutRowsThePriorsStand) {
  const std::array places{2.0, -0.5};
  const RobustFit fit = robust_fit({}, places);
  EXPECT_NEAR(fit.moves[0], -2.0, 1e-12);
  EXPECT_NEAR(fit.moves[1], 0.5, 1e-12);
  EXPECT_NEAR(fit.deviations[0], 1.0, 1e-12);
}

// One row of 4 % whose error a constant takes away fully at one deviation: 16/25 (m + 1)^2 + m^2 is least at -16/41.
TEST(RobustFit, ARowAndAPriorMeet) {
  const std::array slopes{0.04};
  const std::array equations{Equation{.error = 0.04, .slopes = slopes}};
  const std::array places{0.0};
  const RobustFit fit = robust_fit(equations, places);
  EXPECT_NEAR(fit.moves[0], -16.0 / 41.0, 1e-9);
  EXPECT_NEAR(fit.deviations[0], std::sqrt(25.0 / 41.0), 1e-9);
}

TEST(RobustFit, AWeightOfAHalfCountsARowHalf) {
  const std::array slopes{0.04};
  const std::array twice{Equation{.error = 0.03, .slopes = slopes, .weight = 0.5},
                         Equation{.error = 0.03, .slopes = slopes, .weight = 0.5}};
  const std::array once{Equation{.error = 0.03, .slopes = slopes}};
  const std::array places{0.1};
  EXPECT_NEAR(robust_fit(twice, places).moves[0], robust_fit(once, places).moves[0], 1e-9);
}

// Nineteen rows agree, one is off by a factor of e: least squares would move by 5 %, the robust fit by a fraction.
TEST(RobustFit, AnOddRowMovesLittle) {
  const std::array slopes{0.5};
  std::vector<Equation> equations(19, Equation{.error = 0.0, .slopes = slopes});
  equations.push_back({.error = 1.0, .slopes = slopes});
  const std::array places{0.0};
  const RobustFit fit = robust_fit(equations, places);
  EXPECT_LT(std::abs(fit.moves[0]), 0.01);
  EXPECT_LT(fit.moves[0], 0.0);
}

TEST(RobustFit, TwoConstantsAreToldApartByTheirRows) {
  const std::array first{1.0, 0.0}, both{1.0, 1.0};
  const std::array equations{Equation{.error = -0.02, .slopes = first, .weight = 1e6},
                             Equation{.error = 0.03, .slopes = both, .weight = 1e6}};
  const std::array places{0.0, 0.0};
  const RobustFit fit = robust_fit(equations, places);
  EXPECT_NEAR(fit.moves[0], 0.02, 1e-6);
  EXPECT_NEAR(fit.moves[1], -0.05, 1e-6);
}

}  // namespace
}  // namespace perfbench
