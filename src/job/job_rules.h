// The rules that a Job must keep. make_job fills a draft and then asks every rule.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "job/job.h"
#include "job/request.h"

namespace perfbench {

// A Job on its way. A number that cannot be worked out, because a rule is broken, is 0; rules that need it then keep
// still.
struct JobDraft {
  const Request& request;  // as asked, for origins and for values that must agree with what follows from others
  Job job;
  std::vector<std::string> fsdp_with_pp{};  // stacks that shard parameters in a pipeline, for the one that cannot
};

// Where a message about these fields points: "model_configs_h100.csv:12: num_gpus=32" or "-tp 8". Of several fields the
// first that is a flag, since a flag is what the user can change; else the first that was given; else the first.
std::string place_of(const Request& request, std::initializer_list<std::string_view> fields);

// One rule: nothing when it is kept or when another broken rule leaves nothing to check.
using BrokenRule = std::optional<Problem>;
using JobRule = BrokenRule (*)(const JobDraft&);

std::span<const JobRule> layout_rules();    // GPUs, batches, pipeline
std::span<const JobRule> model_rules();     // the model's shapes, and what the GPU can run
std::span<const JobRule> expert_rules();    // how experts lie on the ranks, and how tokens reach them
std::span<const JobRule> tuning_rules();    // adapters and packs
std::span<const JobRule> memory_rules();    // what is computed again or put aside to save memory
std::span<const JobRule> sharding_rules();  // who shares states, and in which types they are kept
std::span<const JobRule> size_rules();      // elements, bytes and slots that can be counted

// The problems of all rules, in the order of the rules. Empty: the draft's job is valid.
std::vector<Problem> broken_rules(const JobDraft& draft);

// What is allowed but should be known: a padded vocabulary, a longer sequence than the model was made for.
std::vector<std::string> notes_of(const JobDraft& draft);

std::string multiples_near(std::int64_t value,
                           std::int64_t step);   // "64 or 96"; the step itself when value is below it
std::string divisors_text(std::int64_t number);  // "1, 2, 4": sizes up to 64 that an axis can have

}  // namespace perfbench
