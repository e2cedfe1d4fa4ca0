#include "base/median.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace perfbench {
namespace {

TEST(Median, IsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median(std::vector{7.0}), 7.0);
  EXPECT_EQ(median(std::vector{3.0, 9.0, 1.0}), 3.0);
  EXPECT_EQ(median(std::vector{4.0, 1.0, 9.0, 3.0}), 3.5);
  EXPECT_EQ(median(std::vector{2.0, 2.0, 1.0, 2.0}), 2.0);
}

TEST(Median, LeavesTheValuesAsTheyAreUnlessAskedInPlace) {
  const std::vector<double> values{5.0, 4.0, 3.0, 2.0, 1.0, 0.0};
  std::vector<double> copy = values;
  EXPECT_EQ(median(copy), 2.5);
  EXPECT_EQ(copy, values);
  EXPECT_EQ(median_in_place(copy), 2.5);
  EXPECT_THAT(copy, testing::UnorderedElementsAreArray(values));
}

TEST(Median, AbsoluteDeviationsAreTakenFromIt) {
  EXPECT_EQ(median_absolute_deviation(std::vector{1.0, 2.0, 4.0, 8.0, 100.0}), 3.0);
}

}  // namespace
}  // namespace perfbench
