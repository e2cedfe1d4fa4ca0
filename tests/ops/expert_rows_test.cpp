#include "engine/torch/expert_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

using ::testing::ElementsAre;

// etp 2, ep 2, four experts: source s has 10 s + x rows for expert x.
TEST(ExpertRows, AreWhatARankSendsGathersAndMultiplies) {
  std::vector<std::int64_t> all;
  for (std::int64_t source = 0; source < 4; ++source) {
    for (std::int64_t expert = 0; expert < 4; ++expert) all.push_back(10 * source + expert);
  }
  Mesh mesh;
  mesh.size[Axis::etp] = mesh.size[Axis::ep] = 2;
  mesh.size[Axis::dp] = 4;
  const ExpertRows rows = expert_rows(all, mesh, {.ep = 1, .etp = 0});  // source 1, experts 2 and 3
  EXPECT_THAT(rows.sent, ElementsAre(10 + 11, 12 + 13));
  EXPECT_THAT(rows.received, ElementsAre(2 + 3, 12 + 13));
  EXPECT_THAT(rows.gathered, ElementsAre(2 + 3 + 12 + 13, 22 + 23 + 32 + 33));
  EXPECT_THAT(rows.parts, ElementsAre(2, 3, 12, 13, 22, 23, 32, 33));
  EXPECT_THAT(rows.by_expert, ElementsAre(2 + 12 + 22 + 32, 3 + 13 + 23 + 33));
}

TEST(ExpertRows, DivideEquallyWhereNobodyCounts) {
  EXPECT_THAT(equal_parts(12, 3), ElementsAre(4, 4, 4));
  EXPECT_THROW(equal_parts(13, 3), std::logic_error);
}

}  // namespace
}  // namespace perfbench
