#include "cli/asked.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/idle_flags.h"
#include "cli/measure_flags.h"
#include "cli/model_word.h"
#include "job/cloud_instances.h"

namespace perfbench {

Compat compat_of(const Options& options) { return options.compat.value_or(Compat::perfbench); }

namespace {

// The model and the task of a module name, into a request that has neither or the same.
void apply_module(const ModelWord& word, Compat compat, Request& request) {
  std::vector<Problem> problems;
  if (request.model && canonical_name(*request.model) != canonical_name(word.model)) {
    problems.push_back(
        {flag_of(request, "model"), fmt::format("contradicts the module {}", word.module), "leave one out"});
  }
  if (request.task && (*request.task != Task::pretrain) != word.finetune) {
    problems.push_back(
        {flag_of(request, "task"), fmt::format("contradicts the module {}", word.module), "leave it out"});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  request.model = word.model;
  request.origins["model"] = "flag " + word.module;
  if (request.task) return;
  request.task = word.finetune ? Task::lora : Task::pretrain;
  request.origins["task"] = !word.finetune           ? "flag " + word.module
                            : compat == Compat::nemo ? "NeMo's default"
                                                     : "rule: lora for a finetune name without -f";
}

// A partition that is named after a cloud instance has the instance's GPUs, whatever -g says; "" where they agree.
std::string partition_note(const CommandLine& line, const Job& job, const Catalog& catalog) {
  const std::string partition = lower(line.launch.partition.value_or(""));
  const std::string_view owner = system_of_instance(partition);
  if (runs_engine(mode_of(line)) || owner.empty() || owner == job.system.name) return "";
  return fmt::format("{} instances of AWS have {}, system {}; system {} was asked for, and that is what is predicted",
                     partition, catalog.system(owner, "--partition").gpu, owner, job.system.name);
}

std::vector<std::string> notes_of(const CommandLine& line, const Job& job, const Catalog& catalog) {
  std::vector<std::string> notes;
  const std::optional<double> per_node = job.system.gpus_per_node.value;
  if (!runs_engine(mode_of(line)) && line.launch.gpus_per_node && per_node &&
      static_cast<double>(*line.launch.gpus_per_node) != *per_node)
    notes.push_back(fmt::format("gpus_per_node {} was asked for; a node of {} has {}, and that is what is predicted",
                                *line.launch.gpus_per_node, job.system.name, *per_node));
  if (std::string note = partition_note(line, job, catalog); !note.empty()) notes.push_back(std::move(note));
  if (std::string idle = idle_flags_note(line, "the step"); !idle.empty()) notes.push_back(std::move(idle));
  return notes;
}

}  // namespace

Request asked_request(const CommandLine& line) {
  Request request = line.request;
  const Compat compat = compat_of(line.options);
  if (request.model) {
    if (const std::optional<ModelWord> word = parse_model_word(*request.model)) {
      request.model.reset();
      apply_module(*word, compat, request);
    }
  }
  if (!line.words.empty())
    if (const std::optional<ModelWord> word = parse_model_word(line.words.front()))
      apply_module(*word, compat, request);
  apply_measuring(line, request);
  return request;
}

Asked resolve_asked(const CommandLine& line, const Catalog& catalog) {
  return resolve_asked(line, asked_request(line), catalog);
}

Asked resolve_asked(const CommandLine& line, const Request& request, const Catalog& catalog) {
  if (runs_engine(mode_of(line))) measure_settings(line);  // throws
  std::optional<std::filesystem::path> table;
  if (line.options.table) table = *line.options.table;
  Resolved resolved = resolve(request, catalog, compat_of(line.options), table);
  return {.job = resolved.job,
          .choice = std::move(resolved.choice),
          .warnings = std::move(resolved.warnings),
          .notes = notes_of(line, resolved.job, catalog)};
}

}  // namespace perfbench
