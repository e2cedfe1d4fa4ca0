#include <algorithm>
#include <array>

#include "sim/pipeline.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

// A slot of one chunk kind without conditional ops, played alone from time 0.
struct SlotTime {
  double seconds = 0.0;      // until the compute lane is idle
  double out_ready_s = 0.0;  // until what it sends is there
  Breakdown breakdown;
  double measured_s = 0.0;  // of `seconds`
};

double ready_of(const ReadyTable& ready, ValueId id) {
  return id == kNoValue ? kNoWait : ready[static_cast<std::size_t>(id)].time_s;
}

SlotTime play_alone(const TimedProgram& program, bool backward) {
  StageClock clock;
  ReadyTable ready(program.num_values);
  clock.play(program.ops(backward), false, false, ready);
  return {.seconds = clock.free(Lane::compute),
          .out_ready_s = std::max(0.0, ready_of(ready, backward ? program.grad_input : program.output)),
          .breakdown = clock.breakdown,
          .measured_s = clock.measured_s};
}

// A slot as it is; dp traffic goes on from slot to slot. A forward's gathers of updated weights do not wait for its
// input.
double play_as_it_is(const TimedProgram& program, const Slot& slot, const SlotInput& input, StageClock& clock,
                     ReadyTable& ready) {
  if (slot.backward) clock.wait_until(input.arrival_s, Part::pipeline_bubble);
  if (!slot.backward && program.input != kNoValue) {
    ready[static_cast<std::size_t>(program.input)] = {input.arrival_s, Part::pipeline_bubble};
  }
  const double start_s = clock.free(Lane::compute);
  for (Lane lane : {Lane::tp, Lane::cp, Lane::ep, Lane::host}) clock.free(lane) = std::max(clock.free(lane), start_s);
  clock.play(program.ops(slot.backward), input.is_first, input.is_last, ready);
  return ready_of(ready, slot.backward ? program.grad_input : program.output);
}

}  // namespace

Simulation simulate(const Plan& plan, const CostModel& cost, std::int64_t most_played) {
  const std::vector<TimedProgram> timed = time_programs(plan, cost);
  std::vector<std::array<SlotTime, 2>> alone;  // by kind: forward, backward
  std::vector<bool> over_dp;                   // by kind: no slot is alone, dp traffic goes on from slot to slot
  alone.reserve(timed.size());
  for (const TimedProgram& program : timed) {
    alone.push_back({play_alone(program, false), play_alone(program, true)});
    over_dp.push_back(program.always_over_dp());
  }

  const auto play_slot = [&](int stage, const Slot& slot, const SlotInput& input, StageClock& clock,
                             ReadyTable& ready) {
    const auto kind = static_cast<std::size_t>(plan.kind(slot.chunk, stage));
    if (input.is_first || input.is_last || over_dp[kind]) {
      return play_as_it_is(timed[kind], slot, input, clock, ready);
    }
    clock.wait_until(input.arrival_s, Part::pipeline_bubble);
    const SlotTime& time = alone[kind][slot.backward ? 1 : 0];
    const double start_s = clock.free(Lane::compute);
    clock.breakdown += time.breakdown;
    clock.measured_s += time.measured_s;
    clock.free(Lane::compute) = start_s + time.seconds;
    return start_s + time.out_ready_s;
  };
  return play_pipeline(plan, timed, play_slot, cost.stack.step_fixed_s, most_played);
}

}  // namespace perfbench
