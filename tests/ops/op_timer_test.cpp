#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "base/error.h"
#include "engine/torch/torch_op_timer.h"
#include "ops/op_cases.h"

namespace perfbench {
namespace {

OpTimerSettings short_runs() { return {.device = Device::cpu, .seconds_per_op = 1e-9}; }

// Every op of the table runs with operands that the timer makes; those that need a whole rank say so.
TEST(OpTimer, TimesEveryOpThatRunsAlone) {
  const auto timer = make_torch_op_timer(short_runs());
  int timed = 0;
  for (const OpCase& c : op_cases()) {
    SCOPED_TRACE(c.name);
    for (const auto* nodes : {&c.program.forward, &c.program.backward, &c.program.optimizer}) {
      for (const Node& node : *nodes) {
        if (!runs_alone(node.op)) {
          EXPECT_THROW(timer->time(c.program, node.op), Unsupported);
          continue;
        }
        const OpTiming timing = timer->time(c.program, node.op);
        EXPECT_GT(timing.seconds, 0.0) << name(node.op);
        EXPECT_GE(timing.runs, 3);
        ++timed;
      }
    }
  }
  EXPECT_GT(timed, 100);
}

// In a step nobody reads the base's product after the adapter has added to it: no run copies it.
TEST(OpTimer, AnAdapterWritesIntoTheMemoryOfItsBase) {
  static int copies = 0;
  const auto count = [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
    if (std::string_view(call.name()) == "aten::clone") ++copies;
    return nullptr;
  };
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(count).scopes({at::RecordScope::FUNCTION}));
  const auto timer = make_torch_op_timer(short_runs());
  int timed = 0;
  for (const OpCase& c : op_cases()) {
    if (!c.name.starts_with("adapted_linear")) continue;
    for (const Node& node : c.program.forward) {
      if (!std::holds_alternative<AdapterUp>(node.op)) continue;
      timer->time(c.program, node.op);
      ++timed;
    }
  }
  at::removeCallback(handle);
  EXPECT_GT(timed, 0);
  EXPECT_EQ(copies, 0);
}

TEST(OpTimer, ABudgetBuysMoreRuns) {
  const OpCase c = op_cases().front();
  const auto timer = make_torch_op_timer({.device = Device::cpu, .seconds_per_op = 0.01});
  EXPECT_GT(timer->time(c.program, c.program.forward.front().op).runs, 3);
}

}  // namespace
}  // namespace perfbench
