#include "engine/watched_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/rank_notes.h"
#include "engine/watchdog.h"

namespace perfbench {
namespace {

constexpr std::size_t kNamedRanks = 4;  // at most, in a message

// What a task holds, so that it outlives whoever gave up waiting.
struct Held {
  Plan plan;
  SessionSettings settings;
  std::unique_ptr<Session> session{};  // goes first
};

std::string what_of(const TimeoutError& error) {
  const Problem& problem = error.problems().front();
  return problem.where.empty() ? problem.what : fmt::format("{}: {}", problem.where, problem.what);
}

class WatchedSession final : public Session {
 public:
  WatchedSession(const OpenSession& open, const Plan& plan, const SessionSettings& settings)
      : held_(std::make_shared<Held>(Held{.plan = plan, .settings = settings})),
        watchdog_("session", held_->settings.notes = std::make_shared<RankNotes>(plan.mesh.num_ranks())) {
    run("opening the session", settings.open_timeout_s,
        [open, held = held_] { held->session = open(held->plan, held->settings); });
  }
  WatchedSession(const WatchedSession&) = delete;
  WatchedSession& operator=(const WatchedSession&) = delete;
  ~WatchedSession() override {
    if (watchdog_.hangs()) return;
    try {
      watchdog_.run([held = held_] { held->session.reset(); }, timeout_s_);
    } catch (const std::exception&) {  // held_ closes it here
    }
  }

  StepReport step(const Batch& batch, StepKind kind) override {
    const auto report = std::make_shared<StepReport>();
    run(fmt::format("step {}", ++steps_), timeout_s_,
        [held = held_, batch, kind, report] { *report = held->session->step(batch, kind); });
    return std::move(*report);
  }

  std::vector<HostTensor> parameters() const override { return held_->session->parameters(); }
  std::vector<HostTensor> trainable_parameters() const override { return held_->session->trainable_parameters(); }
  void load(const std::function<HostTensor(const std::string& name)>& read) override { held_->session->load(read); }
  std::vector<HostTensor> gradients() override { return held_->session->gradients(); }
  std::vector<HostTensor> weights() override { return held_->session->weights(); }
  std::vector<OpSeconds> op_seconds() const override { return held_->session->op_seconds(); }

 private:
  void run(const std::string& what, double limit_s, std::function<void()> task) {
    check(!watchdog_.hangs(), "session: used after it was left behind");
    try {
      if (watchdog_.run(std::move(task), limit_s)) return;
    } catch (const TimeoutError& error) {
      throw TimeoutError(what, what_of(error));
    }
    throw TimeoutError(what, fmt::format("nothing has gone on for {:g} s: {}", limit_s, who_hangs()));
  }

  // Ranks that only waited for another one have ended by now.
  std::string who_hangs() const {
    std::vector<std::string> ranks;
    const std::vector<RankNote> notes = held_->settings.notes->read();
    for (std::size_t rank = 0; rank < notes.size(); ++rank) {
      if (notes[rank].task == RankTask::idle) continue;
      ranks.push_back(describe(static_cast<int>(rank), notes[rank], held_->plan));
    }
    if (ranks.empty()) return "no rank is at work, and the session does not return";
    const std::size_t more = ranks.size() - std::min(ranks.size(), kNamedRanks);
    ranks.resize(ranks.size() - more);
    return fmt::format("{}{}", fmt::join(ranks, "; "), more > 0 ? fmt::format("; and {} more", more) : "");
  }

  std::shared_ptr<Held> held_;
  const double timeout_s_ = held_->settings.timeout_s;
  std::int64_t steps_ = 0;
  Watchdog watchdog_;
};

}  // namespace

std::unique_ptr<Session> open_watched_session(const OpenSession& open, const Plan& plan,
                                              const SessionSettings& settings) {
  return std::make_unique<WatchedSession>(open, plan, settings);
}

}  // namespace perfbench
