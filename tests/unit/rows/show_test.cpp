#include "rows/show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

TEST(Show, GivesFourDigitsAndThousandsSeparators) {
  EXPECT_EQ(show_quantity(1234567.8), "1,234,568");
  EXPECT_EQ(show_quantity(13812.0), "13,812");
  EXPECT_EQ(show_quantity(999.99), "1,000");
  EXPECT_EQ(show_quantity(658.62), "658.6");
  EXPECT_EQ(show_quantity(10.1234), "10.12");
  EXPECT_EQ(show_quantity(9.8765), "9.877");
  EXPECT_EQ(show_quantity(0.012346), "0.01235");
  EXPECT_EQ(show_quantity(-4321.0), "-4,321");
  EXPECT_EQ(show_quantity(-321.0), "-321.0");
  EXPECT_EQ(show_quantity(0.0), "0.0");
}

TEST(Show, ARatioIsADashWhereThereIsNone) {
  EXPECT_EQ(show_ratio(0.98765), "0.988");
  EXPECT_EQ(show_ratio(std::nullopt), "-");
}

TEST(Show, RoundsSharesSoThatTheyAddUp) {
  EXPECT_THAT(show_shares({1, 1, 1}), testing::ElementsAre("33.4", "33.3", "33.3"));
  EXPECT_THAT(show_shares({2, 0, 1}), testing::ElementsAre("66.7", "0.0", "33.3"));
  EXPECT_THAT(show_shares({0, 0}), testing::ElementsAre("0.0", "0.0"));
  EXPECT_THAT(show_shares({}), testing::IsEmpty());
}

}  // namespace
}  // namespace perfbench
