// Every transfer of a pipeline schedule is dropped, doubled, misdirected or swapped with the next one; a pipeline whose
// messages carry the chunk and microbatch that made them must notice, without waiting for a timeout.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <stdexcept>

#include "engine/comm/thread_world.h"
#include "unit/engine/ranks.h"
#include "unit/support/schedules.h"

namespace perfbench {
namespace {

using Steps = std::vector<StageStep>;      // of one stage
using Pipeline = std::vector<Steps>;       // by stage
constexpr std::int64_t kMessageBytes = 8;  // a number each

std::int64_t message(int model_chunk, const Slot& slot) {
  return (slot.backward ? -1 : 1) * (1000 * (slot.microbatch + 1) + model_chunk);
}

// What the engine does with the steps of a stage, without the work.
void run_stage(Transfers& transfers, const Steps& steps, int pp, int stage) {
  std::vector<std::int64_t> received(steps.size()), sent(steps.size());
  std::map<std::size_t, Transfers::Ticket> receives;
  std::map<TransferLane, Transfers::Ticket> last_send;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StageStep& step = steps[i];
    for (const StageTransfer& t : step.receives_to_post) {
      receives[t.slot] =
          transfers.receive(static_cast<int>(t.lane), t.peer, t.channel, &received[t.slot], kMessageBytes);
    }
    const int model_chunk = step.slot.chunk * pp + stage;
    if (step.receive) {
      if (!receives.contains(step.receive->slot)) throw std::logic_error("a receive that was not posted");
      transfers.wait(receives[step.receive->slot]);
      if (received[step.receive->slot] != message(model_chunk + (step.slot.backward ? 1 : -1), step.slot)) {
        throw std::logic_error("another message than the slot reads");
      }
    }
    if (!step.send) continue;
    if (last_send.contains(step.send->lane)) transfers.wait(last_send[step.send->lane]);
    sent[i] = message(model_chunk, step.slot);
    last_send[step.send->lane] =
        transfers.send(static_cast<int>(step.send->lane), step.send->peer, step.send->channel, &sent[i], kMessageBytes);
  }
  for (const auto& [lane, ticket] : last_send) transfers.wait(ticket);
}

bool is_noticed(const Pipeline& pipeline) {
  const int pp = static_cast<int>(pipeline.size());
  ThreadWorld world(pp, {.sends = Sends::rendezvous});
  const auto errors = run_ranks(world, [&](int stage) {
    const auto transfers = world.transfers(stage);
    run_stage(*transfers, pipeline[static_cast<std::size_t>(stage)], pp, stage);
  });
  for (const std::string& error : errors) {
    EXPECT_EQ(error.find("is not done after"), std::string::npos) << error;
    if (!error.empty()) return true;
  }
  return false;
}

// The receive of slot `index`, where it is posted.
StageTransfer* posted(Steps& steps, std::size_t index) {
  for (StageStep& step : steps) {
    for (StageTransfer& transfer : step.receives_to_post) {
      if (transfer.slot == index) return &transfer;
    }
  }
  return nullptr;
}

void drop_post(Steps& steps, std::size_t index) {
  for (StageStep& step : steps) {
    std::erase_if(step.receives_to_post, [&](const StageTransfer& transfer) { return transfer.slot == index; });
  }
}

// The next slot of the same chunk and phase.
std::size_t next_alike(const Steps& steps, std::size_t index) {
  for (std::size_t i = index + 1; i < steps.size(); ++i) {
    if (steps[i].slot.chunk == steps[index].slot.chunk && steps[i].slot.backward == steps[index].slot.backward) {
      return i;
    }
  }
  return steps.size();
}

struct Mutation {
  const char* name;
  // Changes slot `index` of a stage; false: the slot has nothing of the kind.
  bool (*apply)(Steps& steps, std::size_t index, int pp);
};

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> list = {
      {"send dropped",
       [](Steps& steps, std::size_t i, int) { return std::exchange(steps[i].send, std::nullopt).has_value(); }},
      {"send doubled",  // a slot of its own that sends what is sent already
       [](Steps& steps, std::size_t i, int) {
         if (!steps[i].send) return false;
         StageStep again{.slot = steps[i].slot, .receives_to_post = {}, .receive = {}, .send = steps[i].send};
         steps.push_back(steps.back());
         std::move_backward(steps.begin() + static_cast<std::ptrdiff_t>(i) + 1, steps.end() - 1, steps.end());
         steps[i + 1] = again;
         for (std::size_t s = 0; s < steps.size(); ++s) {  // slots behind it have moved
           for (StageTransfer& t : steps[s].receives_to_post) t.slot += t.slot > i ? 1 : 0;
           if (s > i + 1 && steps[s].receive) ++steps[s].receive->slot;
         }
         return true;
       }},
      {"send over the other channel",
       [](Steps& steps, std::size_t i, int) {
         if (!steps[i].send) return false;
         steps[i].send->channel = 1 - steps[i].send->channel;
         return true;
       }},
      {"send to another stage",
       [](Steps& steps, std::size_t i, int pp) {
         if (!steps[i].send || pp < 3) return false;
         steps[i].send->peer = (steps[i].send->peer + 1) % pp;
         return true;
       }},
      {"receive not posted",
       [](Steps& steps, std::size_t i, int) {
         drop_post(steps, i);
         return steps[i].receive.has_value();
       }},
      {"receive dropped",
       [](Steps& steps, std::size_t i, int) {
         drop_post(steps, i);
         return std::exchange(steps[i].receive, std::nullopt).has_value();
       }},
      {"receive doubled",
       [](Steps& steps, std::size_t i, int) {
         if (!steps[i].receive) return false;
         steps[i].receives_to_post.push_back(*steps[i].receive);
         return true;
       }},
      {"two receives swapped",
       [](Steps& steps, std::size_t i, int) {
         const std::size_t next = next_alike(steps, i);
         if (next == steps.size() || !steps[i].receive || !steps[next].receive) return false;
         StageTransfer &first = *posted(steps, i), &second = *posted(steps, next);
         std::swap(first.slot, second.slot);
         return true;
       }},
      {"two slots swapped",
       [](Steps& steps, std::size_t i, int) {
         const std::size_t next = next_alike(steps, i);
         if (next == steps.size()) return false;
         std::swap(steps[i].slot, steps[next].slot);
         return true;
       }},
  };
  return list;
}

TEST(ScheduleMutation, OfEveryTransferIsNoticed) {
  std::map<std::string, int> count;
  for (const PipelineShape& shape : {PipelineShape{.pp = 2, .vp = 1, .microbatches = 3, .flushes = 1},
                                     PipelineShape{.pp = 2, .vp = 2, .microbatches = 4, .flushes = 1},
                                     PipelineShape{.pp = 3, .vp = 2, .microbatches = 3, .flushes = 1},
                                     PipelineShape{.pp = 4, .vp = 1, .microbatches = 3, .flushes = 2}}) {
    Pipeline right;
    for (int stage = 0; stage < shape.pp; ++stage) right.push_back(stage_steps(shape, stage));
    ASSERT_FALSE(is_noticed(right));
    for (std::size_t stage = 0; stage < right.size(); ++stage) {
      for (std::size_t slot = 0; slot < right[stage].size(); ++slot) {
        for (const Mutation& mutation : mutations()) {
          Pipeline mutant = right;
          if (!mutation.apply(mutant[stage], slot, shape.pp)) continue;
          ++count[mutation.name];
          EXPECT_TRUE(is_noticed(mutant)) << mutation.name << " at slot " << slot << " of stage " << stage << " of pp "
                                          << shape.pp << " vp " << shape.vp;
        }
      }
    }
  }
  for (const auto& [name, mutants] : count) std::printf("%-30s %4d mutants\n", name.c_str(), mutants);
  EXPECT_EQ(count.size(), mutations().size());
}

}  // namespace
}  // namespace perfbench
