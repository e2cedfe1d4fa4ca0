#include "engine/comm/thread_transfers.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <optional>

#include "engine/comm/thread_world.h"
#include "unit/engine/ranks.h"
#include "unit/support/schedules.h"

namespace perfbench {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ThreadWorldOptions kRendezvous{.sends = Sends::rendezvous};

TEST(ThreadTransfers, MessagesOfOneChannelMatchInOrderAndChannelsDoNotMix) {
  for (Sends sends : {Sends::buffered, Sends::rendezvous}) {
    ThreadWorld world(2, {.sends = sends});
    const auto errors = run_ranks(world, [&](int rank) {
      const auto transfers = world.transfers(rank);
      std::array<std::int64_t, 4> data{};
      std::vector<Transfers::Ticket> tickets;
      for (int i = 0; i < 4; ++i) {
        // The receiver posts the second channel first, on lanes of its own.
        const int channel = rank == 0 ? i % 2 : 1 - i % 2;
        auto& value = data[static_cast<std::size_t>(i)];
        if (rank == 0) value = 10 + i;
        tickets.push_back(rank == 0 ? transfers->send(channel, 1, channel, &value, 8)
                                    : transfers->receive(channel, 0, channel, &value, 8));
      }
      for (const Transfers::Ticket ticket : tickets) transfers->wait(ticket);
      EXPECT_EQ(data, (rank == 0 ? std::array<std::int64_t, 4>{10, 11, 12, 13}
                                 : std::array<std::int64_t, 4>{11, 10, 13, 12}));
      EXPECT_EQ(transfers->traffic(), (rank == 0 ? Traffic{.calls = 4, .bytes = 32} : Traffic{}));
      transfers->wait(tickets.front());  // waiting again is free
    });
    EXPECT_THAT(errors, Each(IsEmpty()));
  }
}

TEST(ThreadTransfers, ABufferedSendIsDoneAtOnceAndItsDataMayChange) {
  ThreadWorld world(2);
  const auto zero = world.transfers(0), one = world.transfers(1);
  int value = 5, received = 0;
  zero->wait(zero->send(0, 1, 0, &value, sizeof value));
  value = 6;
  one->wait(one->receive(0, 0, 0, &received, sizeof received));
  EXPECT_EQ(received, 5);
}

TEST(ThreadTransfers, ALaneRunsInTheOrderOfPosting) {
  ThreadWorld world(2, kRendezvous);
  const auto zero = world.transfers(0), one = world.transfers(1);
  const int first = 1, second = 2;
  int a = 0, b = 0;
  zero->send(0, 1, 0, &first, sizeof first);
  zero->send(0, 1, 1, &second, sizeof second);
  const auto of_second = one->receive(1, 0, 1, &b, sizeof b);
  EXPECT_EQ(b, 0);  // the second send is not at the head of its lane
  one->wait(one->receive(0, 0, 0, &a, sizeof a));
  one->wait(of_second);
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 2);
}

TEST(ThreadTransfers, EndsOfDifferentSizeAreBothNamed) {
  for (Sends sends : {Sends::buffered, Sends::rendezvous}) {
    ThreadWorld world(2, {.sends = sends});
    const auto errors = run_ranks(world, [&](int rank) {
      const auto transfers = world.transfers(rank);
      std::int64_t value = 0;
      transfers->wait(rank == 0 ? transfers->send(2, 1, 7, &value, 8) : transfers->receive(3, 0, 7, &value, 4));
      transfers->wait(transfers->receive(0, 1 - rank, 0, &value, 8));  // wherever the first wait let a rank pass
    });
    EXPECT_THAT(errors, Each(AllOf(HasSubstr("rank 0's send of 8 bytes to rank 1 (lane 2, channel 7)"),
                                   HasSubstr("rank 1's receive of 4 bytes from rank 0 (lane 3, channel 7)"))));
  }
}

// The timeout is a minute: what is shown is found without a clock.
TEST(ThreadTransfers, RanksThatWaitForEachOtherAreToldSo) {
  ThreadWorld world(3, kRendezvous);
  const auto errors = run_ranks(world, [&](int rank) {
    const auto transfers = world.transfers(rank);
    if (rank == 2) return;  // done at once
    std::int64_t out = 0, in = 0;
    transfers->send(0, 1 - rank, 0, &out, 8);
    transfers->wait(transfers->receive(0, 1 - rank, 0, &in, 8));  // behind the send, in one lane on both ranks
  });
  for (std::size_t rank : {0, 1}) {
    EXPECT_THAT(errors[rank], AllOf(HasSubstr("wait for each other"),
                                    HasSubstr("rank 0's receive of 8 bytes from rank 1 (lane 0, channel 0) behind "
                                              "the send of 8 bytes to rank 1 (lane 0, channel 0)"),
                                    HasSubstr("rank 1's receive of 8 bytes from rank 0 (lane 0, channel 0)")));
  }
  EXPECT_THAT(errors[2], IsEmpty());
}

TEST(ThreadTransfers, AReceiveFromARankThatHasLeftIsADeadlock) {
  for (Sends sends : {Sends::buffered, Sends::rendezvous}) {
    ThreadWorld world(2, {.sends = sends});
    const auto errors = run_ranks(world, [&](int rank) {
      const auto transfers = world.transfers(rank);
      std::int64_t value = 0;
      if (rank == 1) transfers->wait(transfers->receive(0, 0, 0, &value, 8));
    });
    EXPECT_THAT(errors[0], IsEmpty());
    EXPECT_THAT(errors[1], HasSubstr("rank 1's receive of 8 bytes from rank 0"));
  }
}

// Its buffer may be gone: a send that nobody waited for before the rank left must not be read.
TEST(ThreadTransfers, WhatARankHasNotWaitedForIsDroppedWhenItLeaves) {
  ThreadWorld world(2, kRendezvous);
  const auto one = world.transfers(1);
  int value = 5, received = 0;
  world.transfers(0)->send(0, 1, 0, &value, sizeof value);
  EXPECT_THROW(one->wait(one->receive(0, 0, 0, &received, sizeof received)), RunError);
  EXPECT_EQ(received, 0);
}

TEST(ThreadTransfers, ATransferThatDoesNotComeIsNamedAfterTheTimeout) {
  ThreadWorld world(2, {.timeout = std::chrono::milliseconds(30)});
  const auto zero = world.transfers(0), one = world.transfers(1);  // rank 0 is open and posts nothing
  int value = 0;
  try {
    one->wait(one->receive(0, 0, 3, &value, sizeof value));
    FAIL() << "came";
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1's receive of 4 bytes from rank 0 (lane 0, channel 3) is not done "
                                        "after 0.03 s"));
  }
}

enum class Lanes { one, by_ends_and_phase };
enum class WaitForSends { at_the_end, before_the_next };

std::int64_t message(int model_chunk, const Slot& slot) {
  return (slot.backward ? -1 : 1) * (1000 * (slot.microbatch + 1) + model_chunk);
}

// What a stage does in a step, without the work: each message carries the chunk and microbatch that made it.
void run_stage(Transfers& transfers, const PipelineShape& shape, int stage, Lanes lanes, WaitForSends wait) {
  const auto steps = stage_steps(shape, stage);
  const auto lane = [&](const StageTransfer& t) { return lanes == Lanes::one ? 0 : static_cast<int>(t.lane); };
  std::vector<std::int64_t> received(steps.size()), sent(steps.size());
  std::vector<Transfers::Ticket> receives(steps.size());
  std::map<int, Transfers::Ticket> last_send;
  std::vector<Transfers::Ticket> sends;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StageStep& step = steps[i];
    for (const StageTransfer& t : step.receives_to_post) {
      receives[t.slot] = transfers.receive(lane(t), t.peer, t.channel, &received[t.slot], 8);
    }
    const int model_chunk = step.slot.chunk * shape.pp + stage;
    if (step.receive) {
      transfers.wait(receives[i]);
      ASSERT_EQ(received[i], message(model_chunk + (step.slot.backward ? 1 : -1), step.slot));
    }
    if (!step.send) continue;
    sent[i] = message(model_chunk, step.slot);
    const int on_lane = lane(*step.send);
    if (wait == WaitForSends::before_the_next && last_send.contains(on_lane)) transfers.wait(last_send[on_lane]);
    last_send[on_lane] = transfers.send(on_lane, step.send->peer, step.send->channel, &sent[i], 8);
    sends.push_back(last_send[on_lane]);
  }
  for (const Transfers::Ticket ticket : sends) transfers.wait(ticket);
}

std::vector<std::string> run_pipeline(const PipelineShape& shape, Sends sends, Lanes lanes, WaitForSends wait) {
  ThreadWorld world(shape.pp, {.sends = sends});
  return run_ranks(world, [&](int stage) {
    const auto transfers = world.transfers(stage);
    run_stage(*transfers, shape, stage, lanes, wait);
  });
}

std::vector<PipelineShape> shapes() {
  std::vector<PipelineShape> all;
  for (int pp = 2; pp <= 8; ++pp) {
    for (int vp = 1; vp <= 4; ++vp) {
      for (int groups : {1, 2}) all.push_back({.pp = pp, .vp = vp, .microbatches = groups * pp, .flushes = 1});
    }
  }
  all.push_back({.pp = 4, .vp = 1, .microbatches = 3, .flushes = 2});
  all.push_back({.pp = 3, .vp = 2, .microbatches = 6, .flushes = 2});
  return all;
}

std::string text(const PipelineShape& shape) {
  return "pp " + std::to_string(shape.pp) + " vp " + std::to_string(shape.vp) + " microbatches " +
         std::to_string(shape.microbatches);
}

TEST(ThreadTransfers, EveryPipelineCompletesOnALanePerEndsAndPhase) {
  for (const PipelineShape& shape : shapes()) {
    SCOPED_TRACE(text(shape));
    for (const WaitForSends wait : {WaitForSends::at_the_end, WaitForSends::before_the_next}) {
      EXPECT_THAT(run_pipeline(shape, Sends::rendezvous, Lanes::by_ends_and_phase, wait), Each(IsEmpty()));
    }
    EXPECT_THAT(run_pipeline(shape, Sends::buffered, Lanes::by_ends_and_phase, WaitForSends::at_the_end),
                Each(IsEmpty()));
  }
}

// Buffered sends hide what rendezvous shows.
TEST(ThreadTransfers, OnOneLaneEveryPipelineWaitsForItself) {
  for (const PipelineShape& shape : shapes()) {
    SCOPED_TRACE(text(shape));
    EXPECT_THAT(run_pipeline(shape, Sends::rendezvous, Lanes::one, WaitForSends::at_the_end),
                Each(HasSubstr("transfers wait for each other")));
    EXPECT_THAT(run_pipeline(shape, Sends::buffered, Lanes::one, WaitForSends::at_the_end), Each(IsEmpty()));
  }
}

}  // namespace
}  // namespace perfbench
