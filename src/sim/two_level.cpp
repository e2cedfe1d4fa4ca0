#include <algorithm>
#include <array>

#include "sim/pipeline.h"
#include "sim/simulate.h"

namespace perfbench {
namespace {

// When what a slot leads to is there: so long behind the compute lane, and so long behind the host, whichever is later.
// All that a slot does is to add times and to take the latest of them.
struct Behind {
  double compute_s = kNoWait, host_s = kNoWait;
  double after(double compute_free_s, double issued_s) const {
    return std::max(compute_free_s + compute_s, issued_s + host_s);
  }
};

// A slot of one chunk kind without conditional ops, played alone.
struct SlotTime {
  Behind end;           // until the compute lane is idle
  Behind out_ready;     // until what it sends is there
  Behind issued;        // until the host has launched it
  Breakdown breakdown;  // where the host is far ahead
  double measured_s = 0.0;
  bool waits_for_host = false;
  Breakdown late{};  // where the host is far behind, without the waits for it
};

double ready_of(const ReadyTable& ready, ValueId id) {
  // NOLINTNEXTLINE(bugprone-narrowing-conversions): clang-tidy 14 sees one from double to double
  return id == kNoValue ? kNoWait : ready[static_cast<std::size_t>(id)].time_s;
}

struct Played {
  StageClock clock;
  double out_ready_s = 0.0;
};

// From time 0 on the compute lane.
Played play_alone(const TimedProgram& program, bool backward, double issued_s) {
  Played played;
  played.clock.issued_s = issued_s;
  ReadyTable ready(program.num_values);
  played.clock.play(program.ops(backward), false, false, ready);
  played.out_ready_s = std::max(0.0, ready_of(ready, backward ? program.grad_input : program.output));
  return played;
}

SlotTime time_alone(const TimedProgram& program, bool backward) {
  const Played ahead = play_alone(program, backward, kNoWait);
  const StageClock& clock = ahead.clock;
  SlotTime time{.end = {.compute_s = clock.free(Lane::compute)},
                .out_ready = {.compute_s = ahead.out_ready_s},
                .issued = {.compute_s = clock.issued_s},
                .breakdown = clock.breakdown,
                .measured_s = clock.measured_s,
                .waits_for_host = program.waits_for_host(backward)};
  if (!time.waits_for_host) return time;
  // So far behind that everything waits for it: longer than the slot lasts without it.
  const double late_s = *std::ranges::max_element(clock.free_s);
  const Played late = play_alone(program, backward, late_s);
  time.end.host_s = late.clock.free(Lane::compute) - late_s;
  time.out_ready.host_s = late.out_ready_s - late_s;
  time.issued.host_s = late.clock.issued_s - late_s;
  time.late = late.clock.breakdown;
  time.late[Part::host] = 0.0;
  return time;
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
    alone.push_back({time_alone(program, false), time_alone(program, true)});
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
    const double start_s = clock.free(Lane::compute), issued_s = clock.issued_s;
    clock.measured_s += time.measured_s;
    if (!time.waits_for_host) {
      clock.breakdown += time.breakdown;
      clock.free(Lane::compute) = start_s + time.end.compute_s;
      return start_s + time.out_ready.compute_s;
    }
    const double end_s = time.end.after(start_s, issued_s);
    const bool is_late = end_s > start_s + time.end.compute_s;
    clock.breakdown += is_late ? time.late : time.breakdown;
    clock.free(Lane::compute) = start_s + (is_late ? time.late.total() : time.end.compute_s);
    clock.wait_until(end_s, Part::host);
    clock.issued_s = time.issued.after(start_s, issued_s);
    return time.out_ready.after(start_s, issued_s);
  };
  return play_pipeline(plan, timed, play_slot, cost.stack.step_fixed_s, most_played);
}

}  // namespace perfbench
