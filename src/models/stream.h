// The stream between blocks: what a block adds is pending until the next norm adds it, in one kernel.
#pragma once

#include <string>

#include "job/job.h"
#include "program/builder.h"

namespace perfbench {

struct Stream {
  ValueId residual = kNoValue;  // (T, H) the sum so far; absent right after the embedding or a chunk's border
  ValueId pending = kNoValue;   // (T, H) what the last block adds
};

// A norm as its Program names it.
struct NormNames {
  const char* weight = "";
  const char* bias = "";  // of a layer norm
  const char* sum = "";
};

// y = norm(residual + pending), and the stream with the sum as its residual. `tensors`: "model.norm", of which it has
// the weight and the bias.
ValueId norm(Builder& build, Stream& stream, const ModelSpec& model, const NormNames& names,
             const std::string& tensors);

// What the stream is at the end of a chunk: the sum, if anything is pending beside it.
ValueId close(Builder& build, const Stream& stream);

// Of a microbatch on one rank of dp and cp.
std::int64_t local_tokens(const Job& job);

// Rows of the stream on one rank: the same, or a share over tp.
std::int64_t stream_tokens(const Job& job, const Policy& policy);

}  // namespace perfbench
