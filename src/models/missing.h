// What has no Program yet: each block says it of itself, beside the code that lacks the thing.
#pragma once

#include <optional>
#include <string>

#include "job/job.h"

namespace perfbench {

struct Missing {
  std::string feature;  // as rows name it: "sliding window"
  std::string what;     // "attention within a window (gptoss_20b)"
};

// The first thing that this part of the job's model lacks; nullopt: it can be built.
std::optional<Missing> missing(const Gqa& gqa, const Job& job);
std::optional<Missing> missing(const Mla& mla, const Job& job);
std::optional<Missing> missing(const Mamba2& mamba, const Job& job);
std::optional<Missing> missing(const SelfAndCross& cross, const Job& job);
std::optional<Missing> missing(const Dense& mlp, const Job& job);
std::optional<Missing> missing(const Moe& moe, const Job& job);
std::optional<Missing> missing(const std::monostate& none, const Job& job);  // a layer of one part only
std::optional<Missing> missing(const LayerSpec& layer, const Job& job);      // its norms and its residual
std::optional<Missing> missing(const VideoShape& video, const Job& job);
std::optional<Missing> missing_adapters(const Job& job);

// The first of all parts, or of what concerns them all: precision.
std::optional<Missing> missing(const Job& job);

}  // namespace perfbench
