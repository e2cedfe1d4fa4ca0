#include "program/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include "job/job.h"

namespace perfbench {
namespace {

using testing::ElementsAre;

// Ranks from `first` to `last`.
std::vector<int> all(int first, int last, int step = 1) {
  std::vector<int> ranks;
  for (int rank = first; rank <= last; rank += step) ranks.push_back(rank);
  return ranks;
}

struct Expected {
  Group group;
  std::vector<int> members;
};

// Where one rank of a published row stands and whom it talks to, written out by hand after the order in which
// Megatron-Core (core/parallel_state.py, initialize_model_parallel) numbers ranks: "tp-cp-ep-dp-pp", for the dense
// layers with ep 1, for the experts with cp 1, expert-tensor-parallel in the place of tp and expert-data-parallel in
// that of dp.
struct Placed {
  std::string row;
  ParallelLayout layout;
  int rank = 0;
  Coordinates at;
  std::vector<Expected> groups;
};

std::vector<Placed> placed() {
  return {
      {"001-07 Mixtral 8x7B, 64 GPUs: ep inside dp",
       {.ep = 8, .dp = 64},
       13,
       {.dp = 13, .edp = 1, .ep = 5},
       {{Group::tp, {13}},
        {Group::cp, {13}},
        {Group::copies, all(0, 63)},
        {Group::etp, {13}},
        {Group::ep, {8, 9, 10, 11, 12, 13, 14, 15}},
        {Group::expert_copies, {5, 13, 21, 29, 37, 45, 53, 61}},
        {Group::ends, {13}}}},
      {"001-08 Mixtral 8x22B, 256 GPUs: ep across cp",
       {.tp = 2, .pp = 4, .cp = 8, .vp = 14, .ep = 8, .dp = 4},
       93,
       {.stage = 1, .dp = 1, .cp = 6, .tp = 1, .edp = 3, .ep = 5},
       {{Group::tp, {92, 93}},
        {Group::cp, {81, 83, 85, 87, 89, 91, 93, 95}},
        {Group::copies, all(65, 127, 2)},
        {Group::ep, {88, 89, 90, 91, 92, 93, 94, 95}},
        {Group::expert_copies, {69, 77, 85, 93, 101, 109, 117, 125}},
        {Group::ends, {93}}}},
      {"001-08, last stage",
       {.tp = 2, .pp = 4, .cp = 8, .vp = 14, .ep = 8, .dp = 4},
       201,
       {.stage = 3, .cp = 4, .tp = 1, .edp = 1, .ep = 1},
       {{Group::ends, {9, 201}}, {Group::ep, all(200, 207)}}},
      {"001-24 Mixtral 8x22B, 256 GPUs: ep across tp and cp",
       {.tp = 4, .pp = 4, .cp = 8, .vp = 14, .ep = 8, .dp = 2},
       37,
       {.dp = 1, .cp = 1, .tp = 1, .edp = 4, .ep = 5},
       {{Group::tp, {36, 37, 38, 39}},
        {Group::cp, {33, 37, 41, 45, 49, 53, 57, 61}},
        {Group::copies, {1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 53, 57, 61}},
        {Group::ep, {32, 33, 34, 35, 36, 37, 38, 39}},
        {Group::expert_copies, {5, 13, 21, 29, 37, 45, 53, 61}},
        {Group::ends, {37, 229}}}},
      {"000-02 DeepSeek V3, 1024 GPUs",
       {.pp = 4, .vp = 4, .ep = 64, .dp = 256},
       400,
       {.stage = 1, .dp = 144, .edp = 2, .ep = 16},
       {{Group::copies, all(256, 511)},
        {Group::ep, all(384, 447)},
        {Group::expert_copies, {272, 336, 400, 464}},
        {Group::ends, {400}}}},
      {"000-02, last stage",
       {.pp = 4, .vp = 4, .ep = 64, .dp = 256},
       900,
       {.stage = 3, .dp = 132, .edp = 2, .ep = 4},
       {{Group::ends, {132, 900}}, {Group::expert_copies, {772, 836, 900, 964}}}},
      {"000-04 Kimi K2, 256 GPUs: one copy of each expert",
       {.pp = 8, .vp = 4, .ep = 32, .dp = 32},
       100,
       {.stage = 3, .dp = 4, .ep = 4},
       {{Group::copies, all(96, 127)}, {Group::ep, all(96, 127)}, {Group::expert_copies, {100}}}},
      {"004-09 Llama 4 Maverick, 128 GPUs",
       {.pp = 2, .vp = 12, .ep = 64, .dp = 64},
       70,
       {.stage = 1, .dp = 6, .ep = 6},
       {{Group::copies, all(64, 127)},
        {Group::ep, all(64, 127)},
        {Group::expert_copies, {70}},
        {Group::ends, {6, 70}}}},
      {"004-13 DeepSeek V3, 256 GPUs: ep across tp",
       {.tp = 2, .pp = 16, .ep = 8, .dp = 8},
       27,
       {.stage = 1, .dp = 5, .tp = 1, .edp = 1, .ep = 3},
       {{Group::tp, {26, 27}},
        {Group::copies, {17, 19, 21, 23, 25, 27, 29, 31}},
        {Group::ep, {24, 25, 26, 27, 28, 29, 30, 31}},
        {Group::expert_copies, {19, 27}},
        {Group::ends, {27}}}},
      {"004-13 with experts split as wide as tp",
       {.tp = 2, .pp = 16, .ep = 8, .etp = 2, .dp = 8},
       250,
       {.stage = 15, .dp = 5, .ep = 5},
       {{Group::tp, {250, 251}},
        {Group::etp, {250, 251}},
        {Group::copies, {240, 242, 244, 246, 248, 250, 252, 254}},
        {Group::ep, {240, 242, 244, 246, 248, 250, 252, 254}},
        {Group::expert_copies, {250}},
        {Group::ends, {10, 250}}}},
  };
}

TEST(Mesh, RanksOfPublishedRowsStandAsMegatronPlacesThem) {
  for (const Placed& one : placed()) {
    SCOPED_TRACE(one.row);
    const Mesh mesh = mesh_of(one.layout);
    EXPECT_EQ(mesh.at(one.rank), one.at);
    EXPECT_EQ(mesh.rank(one.at), one.rank);
    for (const Expected& expected : one.groups) {
      EXPECT_EQ(mesh.members(one.rank, expected.group), expected.members) << name(expected.group);
    }
  }
}

// Every rank is in one group of each kind, and all its members say the same.
void expect_partition(const Mesh& mesh, Group group) {
  std::set<int> seen;
  for (int rank = 0; rank < mesh.num_ranks(); ++rank) {
    const std::vector<int> members = mesh.members(rank, group);
    ASSERT_EQ(members.at(static_cast<std::size_t>(mesh.index(rank, group))), rank);
    for (const int other : members) ASSERT_EQ(mesh.members(other, group), members) << "rank " << rank;
    if (group == Group::ends && members.size() == 1) continue;
    ASSERT_EQ(static_cast<int>(members.size()), mesh.ranks(group));
    if (members.front() == rank) seen.insert(members.begin(), members.end());
  }
  const int at_ends = std::min(mesh.pp, 2) * mesh.stage_ranks();
  EXPECT_EQ(static_cast<int>(seen.size()), group != Group::ends ? mesh.num_ranks() : mesh.pp == 1 ? 0 : at_ends);
}

TEST(Mesh, GroupsPartitionTheWorld) {
  for (const Placed& one : placed()) {
    const Mesh mesh = mesh_of(one.layout);
    if (mesh.num_ranks() > 256) continue;  // nothing is new there, and the world has a million pairs
    for (const Group group : kGroups) {
      SCOPED_TRACE(one.row + ", " + std::string(name(group)));
      expect_partition(mesh, group);
    }
  }
}

TEST(Mesh, BothViewsAreOfTheSameRanks) {
  for (const Placed& one : placed()) {
    const Mesh mesh = mesh_of(one.layout);
    EXPECT_EQ(mesh.size[Axis::etp] * mesh.size[Axis::ep] * mesh.size[Axis::edp], mesh.stage_ranks()) << one.row;
    EXPECT_EQ(mesh.copies(View::dense) * mesh.size[Axis::tp], mesh.stage_ranks()) << one.row;
  }
  EXPECT_THROW(mesh_of({.tp = 2, .ep = 8, .dp = 2}), std::logic_error);
}

TEST(Mesh, CopiesAreDpAndCp) {
  const Mesh mesh = mesh_of({.tp = 2, .cp = 2, .dp = 2});
  EXPECT_EQ(mesh.copies(View::dense), 4);
  EXPECT_THAT(mesh.members(3, Group::copies), ElementsAre(1, 3, 5, 7));  // cp runs faster than dp
  EXPECT_EQ(mesh.index(5, Group::copies), 2);
  EXPECT_EQ(mesh.copies(View::expert), 8);
}

TEST(Mesh, SharesOfParametersHaveReplicas) {
  Mesh mesh = mesh_of({.tp = 2, .dp = 8});
  EXPECT_EQ(mesh.members(5, Group::shard), mesh.members(5, Group::copies));
  EXPECT_THAT(mesh.members(5, Group::replicas), ElementsAre(5));
  mesh.replicas = 2;
  EXPECT_THAT(mesh.members(5, Group::shard), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(mesh.members(5, Group::replicas), ElementsAre(5, 13));
  EXPECT_THAT(mesh.members(10, Group::shard), ElementsAre(8, 10, 12, 14));
  for (const Group group : kGroups) expect_partition(mesh, group);
}

// fsdp_size 4 of dp 4 x cp 2: neighbours of dp x cp share, with cp running fastest.
TEST(Mesh, ALayoutSaysHowManyShareParameters) {
  const Mesh mesh = mesh_of({.tp = 2, .cp = 2, .dp = 4, .fsdp = true, .fsdp_size = 4});
  EXPECT_EQ(mesh.replicas, 2);
  EXPECT_THAT(mesh.members(3, Group::shard), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(mesh.members(3, Group::replicas), ElementsAre(3, 11));
  EXPECT_EQ(mesh.sharing(View::dense), Group::shard);
  for (const int all : {0, 8}) {
    const Mesh plain = mesh_of({.tp = 2, .cp = 2, .dp = 4, .fsdp = true, .fsdp_size = all});
    EXPECT_EQ(plain.replicas, 1);
    EXPECT_EQ(plain.sharing(View::dense), Group::copies);
  }
}

TEST(Mesh, OneStageHasNoOtherEnd) {
  EXPECT_THAT(mesh_of({.dp = 4}).members(2, Group::ends), ElementsAre(2));
  EXPECT_THAT(mesh_of({.pp = 2, .dp = 4}).members(6, Group::ends), ElementsAre(2, 6));
}

// dp 2, tp 8: ranks 0 to 7, then 8 to 15. Of 4 key/value heads, two ranks hold each; of 2 heads, four ranks.
TEST(Mesh, CopiesOfAKeyValueHeadAreNeighboursOfTp) {
  Job job;
  job.layout = {.tp = 8, .dp = 2};
  job.model.kinds = {{.mixer = Gqa{.heads = 8, .kv_heads = 4, .head_dim = 8}}};
  Mesh mesh = mesh_of(job);
  EXPECT_THAT(mesh.members(5, Group::kv_copies), ElementsAre(4, 5));
  EXPECT_THAT(mesh.members(11, Group::kv_copies), ElementsAre(10, 11));
  job.model.kinds[0].mixer = Gqa{.heads = 8, .kv_heads = 2, .head_dim = 8};
  mesh = mesh_of(job);
  EXPECT_THAT(mesh.members(5, Group::kv_copies), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(mesh.index(13, Group::kv_copies), 1);
  for (const Group group : kGroups) expect_partition(mesh, group);
  job.layout.tp = 2;
  EXPECT_THAT(mesh_of(job).members(3, Group::kv_copies), ElementsAre(3));
}

}  // namespace
}  // namespace perfbench
