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

// y = norm(residual + pending), and the stream with the sum as its residual. `module`: "model.norm" of the tensors.
ValueId norm(Builder& build, Stream& stream, const ModelSpec& model, const NormNames& names, const std::string& module);

// What the stream is at the end of a chunk: the sum, if anything is pending beside it.
ValueId close(Builder& build, const Stream& stream);

// Rows of the stream on one rank.
std::int64_t stream_tokens(const Job& job, const Policy& policy);

}  // namespace perfbench
