// A session that hangs, and one that does not, with sessions that compute nothing.
#include "engine/watched_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/rank_notes.h"
#include "unit/support/hang.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

// What it does in which step.
struct Script {
  Hang hang{};
  std::int64_t hangs_in = 0;  // step; 0: never
  std::string fails = "";     // in step 2: "error", "timeout"
  bool hangs_in_close = false, is_open = false;
};

class PlannedSession : public Session {
 public:
  PlannedSession(Script& script, const Plan& plan, RankNotes& notes) : script_(script), plan_(plan), notes_(notes) {
    script_.is_open = true;
  }
  ~PlannedSession() override {
    if (script_.hangs_in_close) script_.hang.here();
    script_.is_open = false;
  }
  std::vector<HostTensor> parameters() const override {
    return {HostTensor{.name = plan_.kinds.at(0).values.at(0).name, .shape = {}, .data = {}}};
  }
  std::vector<HostTensor> trainable_parameters() const override { return {}; }
  void load(const std::function<HostTensor(const std::string&)>&) override {}
  std::vector<HostTensor> gradients() override { return {}; }
  std::vector<OpSeconds> op_seconds() const override { return {}; }
  std::vector<HostTensor> weights() override { return {}; }
  StepReport step(const Batch& batch, StepKind) override {
    ++steps_;
    if (steps_ == 2 && script_.fails == "error") throw RunError("rank 1", "is gone");
    if (steps_ == 2 && script_.fails == "timeout") throw TimeoutError("", "all_reduce: rank 1 did not come");
    notes_.of(1).store(rank_note(RankTask::forward, 0, 3, 0));
    if (steps_ == script_.hangs_in) script_.hang.here();
    notes_.of(1).store({});
    return {.loss = static_cast<double>(batch.tokens.at(0)), .ranks = {}};
  }

 private:
  Script& script_;
  const Plan& plan_;
  RankNotes& notes_;
  std::int64_t steps_ = 0;
};

// The plan is gone before the session is used.
std::unique_ptr<Session> open_planned(Script& script, double timeout_s = 0.2, bool hangs_in_open = false) {
  Plan plan;
  plan.mesh.size[Axis::tp] = 2;
  plan.kinds.resize(1);
  plan.kinds[0].values.emplace_back().name = "a model";
  plan.kinds[0].forward = {{.op = Add{}}};
  plan.chunks = {{.kind = 0}};
  const OpenSession open = [&script, hangs_in_open](const Plan& held,
                                                    const SessionSettings& settings) -> std::unique_ptr<Session> {
    EXPECT_EQ(held.kinds.size(), 1U);
    if (hangs_in_open) {
      settings.notes->of(0).store(rank_note(RankTask::connect, 0, 0, 4));
      script.hang.here();
    }
    return std::make_unique<PlannedSession>(script, held, *settings.notes);
  };
  return open_watched_session(open, plan, {.timeout_s = timeout_s, .open_timeout_s = timeout_s});
}

StepReport step(Session& session, std::int64_t token = 5) { return session.step({.tokens = {token}}, StepKind::train); }

std::string timeout_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const TimeoutError& error) {
    EXPECT_EQ(error.code(), ExitCode::timeout);
    return error.problems().at(0).where + ": " + error.problems().at(0).what;
  }
  return "no timeout";
}

TEST(WatchedSession, DoesWhatItsSessionDoes) {
  Script script;
  {
    const auto session = open_planned(script, 60);
    EXPECT_EQ(session->parameters().at(0).name, "a model");
    EXPECT_EQ(step(*session, 8).loss, 8.0);
    EXPECT_EQ(step(*session, 9).loss, 9.0);
  }
  EXPECT_FALSE(script.is_open);
}

TEST(WatchedSession, AStepThatHangsNamesRankAndOp) {
  Script script{.hangs_in = 2};
  {
    const auto session = open_planned(script);
    step(*session);
    EXPECT_EQ(timeout_of([&] { step(*session); }),
              "step 2: nothing has gone on for 0.2 s: rank 1 (stage 0): add, forward of chunk 0, microbatch 3");
    EXPECT_THROW(step(*session), std::logic_error);
  }  // does not wait
  EXPECT_EQ(num_threads_left_behind(), 1);
  EXPECT_TRUE(script.is_open);
  script.hang.end();
  EXPECT_FALSE(script.is_open);  // the thread itself has closed it
}

TEST(WatchedSession, OpeningThatHangsIsATimeout) {
  Script script;
  EXPECT_EQ(timeout_of([&] { open_planned(script, 0.2, true); }),
            "opening the session: nothing has gone on for 0.2 s: rank 0 (stage 0): connecting, group 4");
}

TEST(WatchedSession, ClosingThatHangsIsLeftBehind) {
  Script script{.hangs_in_close = true};
  { step(*open_planned(script)); }
  EXPECT_EQ(num_threads_left_behind(), 1);
}

// Of a session whose ranks noticed by themselves: nothing is left behind.
TEST(WatchedSession, ATimeoutOfTheSessionItselfGetsItsStep) {
  Script script{.fails = "timeout"};
  const auto session = open_planned(script, 60);
  step(*session);
  EXPECT_EQ(timeout_of([&] { step(*session); }), "step 2: all_reduce: rank 1 did not come");
  EXPECT_EQ(num_threads_left_behind(), 0);
  EXPECT_EQ(step(*session).loss, 5.0);
}

TEST(WatchedSession, OtherErrorsPassAsTheyAre) {
  Script script{.fails = "error"};
  const auto session = open_planned(script, 60);
  step(*session);
  try {
    step(*session);
    ADD_FAILURE() << "no error";
  } catch (const TimeoutError&) {
    ADD_FAILURE() << "a timeout";
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1: is gone"));
  }
}

}  // namespace
}  // namespace perfbench
