#include "cli/asked.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/model_word.h"

namespace perfbench {
namespace {

Compat compat_of(const Options& options) { return options.compat == "nemo" ? Compat::nemo : Compat::perfbench; }

// "flag -f" -> "-f".
std::string flag_of(const Request& request, std::string_view field) {
  const std::string origin = origin_of(request, field);
  return origin.starts_with("flag ") ? origin.substr(5) : origin;
}

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

// The request of the flags and of the word that names a module; `--model pretrain_llama3_8b` is such a word, too.
Request request_of(const CommandLine& line) {
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
  return request;
}

// Looks every given name up, so that all unknown ones are reported at once.
void check_names(const Request& request, const Catalog& catalog) {
  std::vector<Problem> problems;
  const auto look_up = [&problems](auto&& look) {
    try {
      look();
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.problems().begin(), error.problems().end());
    }
  };
  if (!request.model)
    problems.push_back({"--model", "no model is given", "--model llama3_70b; perfbench --help shows more"});
  if (!request.system)
    problems.push_back({"--gpu", "no GPU is given", fmt::format("valid: {}", join(catalog.system_names(), ", "))});
  if (request.model) look_up([&] { catalog.model(*request.model, flag_of(request, "model")); });
  if (request.system) look_up([&] { catalog.system(*request.system, flag_of(request, "system")); });
  if (request.stack) look_up([&] { catalog.stack(*request.stack, flag_of(request, "stack")); });
  if (!problems.empty()) throw InputError(std::move(problems));
}

// resolve() with a table that the user names.
Resolved resolve_with(const std::string& file, const Request& request, const Catalog& catalog, Compat compat) {
  const ConfigTable table = read_config_table(file);
  Resolved resolved;
  resolved.warnings = table.warnings;
  for (const Problem& problem : table.problems) resolved.warnings.push_back(problem.where + ": " + problem.what);
  resolved.choice = choose_row(request, table, catalog, compat);
  resolved.job = make_job(resolved.choice.row ? merge(request, resolved.choice.row->request) : request, catalog);
  return resolved;
}

std::optional<Unsupported> unsupported_mode(const Options& options) {
  if (options.mode != "measure" && options.mode != "slice") return std::nullopt;
  return Unsupported(*options.mode, fmt::format("--mode {}: this version of perfbench only simulates", *options.mode));
}

std::vector<std::string> notes_of(const CommandLine& line, const Job& job) {
  std::vector<std::string> notes;
  if (line.options.mode.value_or("auto") == "auto")
    notes.push_back("mode auto: simulated, because this version of perfbench measures nothing");
  const std::optional<double> per_node = job.system.gpus_per_node.value;
  if (line.launch.gpus_per_node && per_node && static_cast<double>(*line.launch.gpus_per_node) != *per_node)
    notes.push_back(fmt::format("gpus_per_node {} was asked for; a node of {} has {}, and that is what is predicted",
                                *line.launch.gpus_per_node, job.system.name, *per_node));
  if (line.launch.use_fsdp_double_buffer) notes.push_back("use_fsdp_double_buffer has no effect on a prediction");
  if (line.launch.enable_vboost) notes.push_back("enable_vboost has no effect on a prediction");
  return notes;
}

}  // namespace

Asked resolve_asked(const CommandLine& line, const Catalog& catalog) {
  const Compat compat = compat_of(line.options);
  Request request = request_of(line);
  std::optional<Unsupported> unsupported = unsupported_mode(line.options);
  if (request.fp8_recipe == "ss") {
    unsupported.emplace("fp8_recipe ss",
                        "subchannel scaling (-fr ss) has no precision here; the row's precision stands for it");
    request.fp8_recipe.reset();
    request.origins.erase("fp8_recipe");
    if (!request.dtype) request.dtype = "fp8";
  }
  request = with_defaults(std::move(request), compat);
  check_names(request, catalog);
  Resolved resolved = line.options.table ? resolve_with(*line.options.table, request, catalog, compat)
                                         : resolve(request, catalog, compat);
  return {.job = resolved.job,
          .choice = std::move(resolved.choice),
          .warnings = std::move(resolved.warnings),
          .notes = notes_of(line, resolved.job),
          .unsupported = std::move(unsupported)};
}

}  // namespace perfbench
