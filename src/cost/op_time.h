// The time of one op of a Program, lane by lane.
#pragma once

#include <memory>
#include <vector>

#include "cost/collective_time.h"
#include "cost/hardware.h"
#include "cost/host_times.h"
#include "cost/kernel_constants.h"
#include "cost/kernel_table.h"
#include "cost/kernel_work.h"
#include "cost/part.h"
#include "job/job.h"
#include "program/program.h"

namespace perfbench {

struct CostModel {
  KernelConstants kernels;
  Hardware hardware;
  bool has_data_sheet = true;  // false: nothing can be modelled; what was not measured takes no time
  StackConstants stack;
  PerGroup<GroupShape> groups;
  GroupShape neighbours;             // two pipeline stages
  double op_gap_s = 0.0;             // launch gap before each kernel of the compute lane
  bool overlap_param_gather = true;  // dp traffic runs beside compute
  bool overlap_grad_reduce = true;
  double tp_share = 1.0;      // of a tp collective's time that chunked overlap with its GEMM leaves
  double ep_share = 1.0;      // of the dispatch's time that overlap with another microbatch leaves
  double fullest_rank = 1.0;  // rows of experts on the fullest rank over the mean
  bool pads_rows = false;     // dropless rows are padded for FP8 products
  HostTimes host{};
  std::shared_ptr<const KernelTable> measured{};  // kernels that it holds take the time that was measured; may be null
};

// Throws Unsupported with the key of a number that a time needs and nobody knows; so do op_time() and send_time_s().
CostModel cost_model(const Job& job, KernelConstants kernels);

struct TimedStep {
  Lane lane = Lane::compute;
  double seconds = 0.0;
  Part part = Part::memory_bound;
  bool measured = false;  // a kernel of CostModel::measured
};

// The steps of the op in order; each waits for the one before.
std::vector<TimedStep> op_time(const Op& op, const Program& program, const CostModel& cost);

// A transfer of `bytes` to the next pipeline stage.
double send_time_s(double bytes, const CostModel& cost);

}  // namespace perfbench
