// A frame for single ops of a Program on one rank.
#pragma once

#include "ops/op_run.h"
#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

struct LoneFrame {
  LoneFrame(const Program& program, const Policy& policy, Rank own_rank)
      : rank(std::move(own_rank)),
        chunk(make_chunk(program, policy, 0, 0, at::kCPU)),
        table(program.values.size()),
        frame(rank, chunk, table) {}
  LoneFrame(const LoneFrame&) = delete;  // the frame points into it
  LoneFrame& operator=(const LoneFrame&) = delete;

  Rank rank;
  Chunk chunk;
  ValueTable table;
  Frame frame;
};

}  // namespace perfbench
