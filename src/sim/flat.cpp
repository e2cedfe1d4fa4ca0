#include "sim/pipeline.h"
#include "sim/simulate.h"

namespace perfbench {

Simulation simulate_flat(const Plan& plan, const CostModel& cost, std::int64_t most_played) {
  const std::vector<TimedProgram> timed = time_programs(plan, cost);

  const auto play_slot = [&](int stage, const Slot& slot, const SlotInput& input, StageClock& clock,
                             ReadyTable& ready) {
    const TimedProgram& program = timed[static_cast<std::size_t>(plan.kind(slot.chunk, stage))];
    const ValueId in = slot.backward ? program.grad_output : program.input;
    const ValueId out = slot.backward ? program.grad_input : program.output;
    if (in != kNoValue) ready[static_cast<std::size_t>(in)] = {input.arrival_s, Part::pipeline_bubble};
    if (slot.backward) clock.wait_until(input.arrival_s, Part::pipeline_bubble);
    clock.play(program.ops(slot.backward), input.is_first, input.is_last, ready);
    return out == kNoValue ? kNoWait : ready[static_cast<std::size_t>(out)].time_s;
  };
  return play_pipeline(plan, timed, play_slot, cost.stack.step_fixed_s, most_played);
}

}  // namespace perfbench
