#include "sim/pipeline.h"

#include <algorithm>
#include <cstddef>

#include "base/error.h"
#include "sim/pipeline_state.h"
#include "sim/repeat.h"

namespace perfbench {
namespace {

std::vector<Schedule> schedules(const PipelineShape& shape) {
  std::vector<Schedule> result;
  result.reserve(static_cast<std::size_t>(shape.pp));
  for (int stage = 0; stage < shape.pp; ++stage) result.emplace_back(shape, stage);
  return result;
}

// The transfers of one plan: chunks in model order are numbered chunk * pp + stage.
class Pipeline {
 public:
  Pipeline(const Plan& plan, const std::vector<TimedProgram>& timed, const PlaySlot& play_slot)
      : shape_(plan.pipeline),
        plan_(plan),
        timed_(timed),
        play_slot_(play_slot),
        schedules_(schedules(shape_)),
        limits_(at(shape_.pp), 0),
        state_{.clocks = std::vector<StageClock>(at(shape_.pp)),
               .send_free_s = std::vector<double>(at(shape_.pp) * 2, 0.0),
               .ready = {},
               .arrivals = Arrivals(at(num_chunks()) * 2, static_cast<std::size_t>(most_in_flight(shape_))),
               .next = std::vector<std::int64_t>(at(shape_.pp), 0)} {
    for (const PlannedChunk& chunk : plan.chunks) state_.ready.emplace_back(timed[at(chunk.kind)].num_values);
  }

  void run(std::int64_t most_played) {
    if (shape_.step_microbatches() <= most_played) {
      play_on(schedules_[0].flush_size() * shape_.flushes);
      return;
    }
    play_flush();
    if (shape_.flushes == 1) return;
    repeat(state_, {.count = shape_.flushes - 2,
                    .slots = schedules_[0].flush_size(),
                    .most_played = searched(shape_.microbatches),
                    .play = [this] { play_flush(); }});
    play_flush();
  }

  Simulation finish(double step_fixed_s) {
    Simulation result;
    int last_stage = 0;
    double optimizer_s = 0.0, optimizer_measured_s = 0.0;
    for (int stage = 0; stage < shape_.pp; ++stage) {
      StageClock& clock = state_.clocks[at(stage)];
      for (Group group : {Group::tp, Group::cp, Group::ep, Group::copies}) {
        clock.wait_until(clock.free(lane_of(group)), part_of(group));
      }
      result.stage_end_s.push_back(state_.origin_s + clock.free(Lane::compute));
      if (result.stage_end_s.back() > result.stage_end_s[at(last_stage)]) last_stage = stage;
      double stage_optimizer_s = 0.0, stage_measured_s = 0.0;
      for (int chunk = 0; chunk < shape_.vp; ++chunk) {
        stage_optimizer_s += timed(chunk, stage).optimizer_s;
        stage_measured_s += timed(chunk, stage).optimizer_measured_s;
      }
      if (stage_optimizer_s > optimizer_s) optimizer_measured_s = stage_measured_s;
      optimizer_s = std::max(optimizer_s, stage_optimizer_s);
    }
    // The update needs the norm over all stages: nobody starts before the last one is done.
    result.breakdown = state_.clocks[at(last_stage)].breakdown;
    result.breakdown[Part::optimizer] += optimizer_s;
    result.breakdown[Part::step_fixed] += step_fixed_s;
    result.measured_s = state_.clocks[at(last_stage)].measured_s + optimizer_measured_s;
    result.step_time_s = result.stage_end_s[at(last_stage)] + optimizer_s + step_fixed_s;
    result.error_s = state_.error_s;
    return result;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int num_chunks() const { return shape_.pp * shape_.vp; }
  const TimedProgram& timed(int chunk, int stage) const { return timed_[at(plan_.kind(chunk, stage))]; }

  // Stretches of so many microbatches to look for a period in: of a long step as much as of one that is played whole.
  static std::int64_t searched(std::int64_t microbatches) {
    return std::max<std::int64_t>(kMostPlayed / microbatches, 64);
  }

  // A flush of a long step, in which all stages stand at its first slot.
  void play_flush() {
    const std::int64_t end = state_.next[0] + schedules_[0].flush_size();
    const std::int64_t cycle = schedules_[0].cycle(), passes = schedules_[0].flush_size() / 2;
    // Each stage has come one backward further than the stage before it: what it needs for that is played, too.
    std::int64_t ahead = 0;  // forwards beyond the cycles
    for (int stage = 0; stage < shape_.pp; ++stage) ahead = std::max(ahead, schedules_[at(stage)].warmup() + stage);
    const std::int64_t cycles = (passes - ahead) / cycle - 1;  // without the last microbatch
    if (cycles > 1) {
      for (int stage = 0; stage < shape_.pp; ++stage) {
        limits_[at(stage)] = state_.next[at(stage)] + schedules_[at(stage)].warmup() + 2 * (cycle + stage);
      }
      play_to_limits();  // beyond the first microbatch
      repeat(state_, {.count = cycles - 1,
                      .slots = 2 * cycle,
                      .most_played = searched(shape_.vp == 1 ? 1 : shape_.pp),
                      .play = [this, cycle] { play_on(2 * cycle); }});
    }
    std::fill(limits_.begin(), limits_.end(), end);
    play_to_limits();
  }

  // So many slots more of every stage.
  void play_on(std::int64_t slots) {
    for (std::size_t stage = 0; stage < limits_.size(); ++stage) limits_[stage] = state_.next[stage] + slots;
    play_to_limits();
  }

  void play_to_limits() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int stage = 0; stage < shape_.pp; ++stage) {
        while (step(stage)) moved = true;
      }
    }
    check(state_.next == limits_, "pipeline: the stages wait for each other");
  }

  std::size_t reader(int model_chunk, bool backward) const { return at(model_chunk) * 2 + (backward ? 1 : 0); }

  // Plays the stage's next slot when what it needs has arrived.
  bool step(int stage) {
    std::int64_t& next = state_.next[at(stage)];
    if (next == limits_[at(stage)]) return false;
    const Slot slot = schedules_[at(stage)][static_cast<std::size_t>(next)];
    const int model_chunk = slot.chunk * shape_.pp + stage;
    const bool from_outside = slot.backward ? model_chunk + 1 < num_chunks() : model_chunk > 0;
    const std::size_t queue = reader(model_chunk, slot.backward);
    if (from_outside && state_.arrivals.empty(queue)) return false;
    const SlotInput input{.arrival_s = from_outside ? state_.arrivals.pop(queue) : kNoWait,
                          .is_first = slot.microbatch == 0,
                          .is_last = slot.microbatch + 1 == shape_.step_microbatches()};
    const double ready_s = play_slot_(stage, slot, input, state_.clocks[at(stage)], state_.ready[at(model_chunk)]);
    send(slot, model_chunk, ready_s, timed(slot.chunk, stage));
    ++next;
    return true;
  }

  // One lane per (source stage, destination stage, phase): its transfers leave in order.
  void send(const Slot& slot, int model_chunk, double ready_s, const TimedProgram& program) {
    const int to = slot.backward ? model_chunk - 1 : model_chunk + 1;
    if (to < 0 || to >= num_chunks()) return;
    const bool same_stage = shape_.pp == 1;
    const double seconds = slot.backward ? program.backward_send_s : program.forward_send_s;
    double& lane = state_.send_free_s[at(model_chunk % shape_.pp) * 2 + (slot.backward ? 1 : 0)];
    lane = std::max(lane, ready_s) + (same_stage ? 0.0 : seconds);
    state_.arrivals.push(reader(to, slot.backward), lane);
  }

  PipelineShape shape_;
  const Plan& plan_;
  const std::vector<TimedProgram>& timed_;
  const PlaySlot& play_slot_;
  std::vector<Schedule> schedules_;   // by stage
  std::vector<std::int64_t> limits_;  // slots that each stage may have played
  PipelineState state_;
};

}  // namespace

std::vector<TimedProgram> time_programs(const Plan& plan, const CostModel& cost) {
  std::vector<TimedProgram> timed;
  for (const Program& program : plan.kinds) timed.push_back(time_program(program, cost));
  return timed;
}

Simulation play_pipeline(const Plan& plan, const std::vector<TimedProgram>& timed, const PlaySlot& play_slot,
                         double step_fixed_s, std::int64_t most_played) {
  Pipeline pipeline(plan, timed, play_slot);
  pipeline.run(most_played);
  return pipeline.finish(step_fixed_s);
}

}  // namespace perfbench
