#include "engine/rank_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

using testing::ElementsAre;

// tp 2, pp 2; stage 1 adds and sums.
struct TwoStages {
  TwoStages() {
    plan.mesh.size[Axis::tp] = plan.mesh.pp = plan.pipeline.pp = 2;
    plan.kinds.resize(2);
    plan.chunks = {{.kind = 0}, {.kind = 1}};
    plan.kinds[1].forward = {{.op = Add{}}, {.op = AllReduce{}}};
    plan.kinds[1].optimizer = {{.op = AdamW{}}};
  }
  std::string said(int rank, const RankNote& note) const { return describe(rank, note, plan); }

  Plan plan;
};

TEST(RankNotes, AreReadAsTheyWereWritten) {
  RankNotes notes(3);
  const RankNote note = rank_note(RankTask::backward, 2, 7, 123456);
  notes.of(1).store(note);
  EXPECT_THAT(notes.read(), ElementsAre(RankNote{}, note, RankNote{}));
}

TEST(RankNotes, NumbersThatAreTooLargeAreCut) {
  const RankNote note = rank_note(RankTask::forward, 300, 100'000, std::size_t{1} << 40U);
  EXPECT_EQ(note.chunk, 255);
  EXPECT_EQ(note.microbatch, 65535);
  EXPECT_EQ(note.node, 4294967295U);
}

TEST(RankNotes, NameRankStageAndOp) {
  const TwoStages two;
  EXPECT_EQ(two.said(3, rank_note(RankTask::forward, 0, 5, 1)),
            "rank 3 (stage 1): all_reduce, forward of chunk 0, microbatch 5");
  EXPECT_EQ(two.said(2, rank_note(RankTask::optimizer)), "rank 2 (stage 1): adamw, optimizer of chunk 0");
  EXPECT_EQ(two.said(1, rank_note(RankTask::start)), "rank 1 (stage 0): waiting for the other ranks to start");
  EXPECT_EQ(two.said(0, rank_note(RankTask::receive, 0, 2)), "rank 0 (stage 0): receiving for chunk 0, microbatch 2");
  EXPECT_EQ(two.said(0, rank_note(RankTask::backward, 9, 0, 9)),
            "rank 0 (stage 0): an op, backward of chunk 9, microbatch 0");
}

}  // namespace
}  // namespace perfbench
