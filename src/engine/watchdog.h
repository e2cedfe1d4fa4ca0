// Tasks on a thread of its own, each waited for as long as it goes on: a task that hangs cannot hang whoever waits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/rank_notes.h"
#include "engine/worker.h"

namespace perfbench {

class Watchdog {
 public:
  // `notes` show that a task goes on; null: nothing does, and a limit is of the whole task. `name` is the thread's.
  explicit Watchdog(const std::string& name, std::shared_ptr<const RankNotes> notes = nullptr)
      : notes_(std::move(notes)), thread_(name) {}

  // Returns true when the task is done, and rethrows what it threw. Returns false when nothing has gone on for
  // `limit_s` and then for some seconds more, in which ranks that waited for each other so long can end: the task is
  // left behind, and what it holds must not die with the caller. No other task can be run then.
  bool run(std::function<void()> task, double limit_s);

  bool hangs() const { return hangs_; }

 private:
  bool ends(double limit_s);

  std::shared_ptr<const RankNotes> notes_;
  bool hangs_ = false;
  Worker thread_;
};

}  // namespace perfbench
