#include "sim/pipeline.h"

#include <algorithm>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr double kNotYet = std::numeric_limits<double>::quiet_NaN();

// The transfers of one job: chunks in model order are numbered chunk * pp + stage.
class Pipeline {
 public:
  Pipeline(const Job& job, const JobPrograms& programs, const std::vector<TimedProgram>& timed)
      : shape_(pipeline_shape(job)), programs_(programs), timed_(timed) {
    const std::size_t arrivals = static_cast<std::size_t>(num_chunks()) * static_cast<std::size_t>(microbatches());
    forward_.assign(arrivals, kNotYet);
    backward_.assign(arrivals, kNotYet);
    lanes_.assign(static_cast<std::size_t>(shape_.pp) * 2, 0.0);
    clocks_.resize(static_cast<std::size_t>(shape_.pp));
    for (int stage = 0; stage < shape_.pp; ++stage) slots_.push_back(schedule(shape_, stage));
    next_.assign(static_cast<std::size_t>(shape_.pp), 0);
  }

  void run(const PlaySlot& play_slot) {
    for (bool moved = true; moved;) {
      moved = false;
      for (int stage = 0; stage < shape_.pp; ++stage) {
        while (step(stage, play_slot)) moved = true;
      }
    }
    for (int stage = 0; stage < shape_.pp; ++stage) {
      check(next_[at(stage)] == slots_[at(stage)].size(), "pipeline: the stages wait for each other");
    }
  }

  Simulation finish(double step_fixed_s) {
    Simulation result;
    int last_stage = 0;
    double optimizer_s = 0.0, optimizer_measured_s = 0.0;
    for (int stage = 0; stage < shape_.pp; ++stage) {
      StageClock& clock = clocks_[at(stage)];
      clock.wait_until(clock.free(Lane::tp), Part::tp_exposed);
      clock.wait_until(clock.free(Lane::cp), Part::cp_exposed);
      clock.wait_until(clock.free(Lane::dp), Part::dp_exposed);
      result.stage_end_s.push_back(clock.free(Lane::compute));
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
    result.breakdown = clocks_[at(last_stage)].breakdown;
    result.breakdown[Part::optimizer] += optimizer_s;
    result.breakdown[Part::step_fixed] += step_fixed_s;
    result.measured_s = clocks_[at(last_stage)].measured_s + optimizer_measured_s;
    result.step_time_s = result.stage_end_s[at(last_stage)] + optimizer_s + step_fixed_s;
    return result;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int num_chunks() const { return shape_.pp * shape_.vp; }
  int microbatches() const { return shape_.microbatches * shape_.flushes; }
  const TimedProgram& timed(int chunk, int stage) const { return timed_[at(programs_.kind(chunk, stage, shape_.pp))]; }

  double& arrival(bool backward, int model_chunk, int microbatch) {
    const std::size_t i = at(model_chunk) * at(microbatches()) + at(microbatch);
    return backward ? backward_[i] : forward_[i];
  }

  // Plays the stage's next slot when what it needs has arrived.
  bool step(int stage, const PlaySlot& play_slot) {
    if (next_[at(stage)] == slots_[at(stage)].size()) return false;
    const Slot slot = slots_[at(stage)][next_[at(stage)]];
    const int model_chunk = slot.chunk * shape_.pp + stage;
    const bool from_outside = slot.backward ? model_chunk + 1 < num_chunks() : model_chunk > 0;
    SlotInput input{.arrival_s = from_outside ? arrival(slot.backward, model_chunk, slot.microbatch) : 0.0,
                    .is_first = slot.microbatch == 0,
                    .is_last = slot.microbatch + 1 == microbatches()};
    if (std::isnan(input.arrival_s)) return false;
    const double ready_s = play_slot(stage, slot, input, clocks_[at(stage)]);
    send(slot, model_chunk, ready_s, timed(slot.chunk, stage));
    ++next_[at(stage)];
    return true;
  }

  // One lane per (source stage, destination stage, phase): its transfers leave in order.
  void send(const Slot& slot, int model_chunk, double ready_s, const TimedProgram& program) {
    const int to = slot.backward ? model_chunk - 1 : model_chunk + 1;
    if (to < 0 || to >= num_chunks()) return;
    const bool same_stage = shape_.pp == 1;
    const double seconds = slot.backward ? program.backward_send_s : program.forward_send_s;
    double& lane = lanes_[at(model_chunk % shape_.pp) * 2 + (slot.backward ? 1 : 0)];
    lane = std::max(lane, ready_s) + (same_stage ? 0.0 : seconds);
    arrival(slot.backward, to, slot.microbatch) = lane;
  }

  PipelineShape shape_;
  const JobPrograms& programs_;
  const std::vector<TimedProgram>& timed_;
  std::vector<double> forward_, backward_;  // arrivals by (chunk in model order, microbatch)
  std::vector<double> lanes_;               // when each is free, by (source stage, phase)
  std::vector<StageClock> clocks_;
  std::vector<std::vector<Slot>> slots_;
  std::vector<std::size_t> next_;
};

}  // namespace

std::vector<TimedProgram> time_programs(const JobPrograms& programs, const CostModel& cost) {
  std::vector<TimedProgram> timed;
  for (const Program& program : programs.kinds) timed.push_back(time_program(program, cost));
  return timed;
}

Simulation play_pipeline(const Job& job, const JobPrograms& programs, const std::vector<TimedProgram>& timed,
                         const PlaySlot& play_slot, double step_fixed_s) {
  Pipeline pipeline(job, programs, timed);
  pipeline.run(play_slot);
  return pipeline.finish(step_fixed_s);
}

}  // namespace perfbench
