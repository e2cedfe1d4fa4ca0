#include "job/resolve.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "job/fill_job.h"
#include "job/job_rules.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

// "--model" for a flag, "file:line: model=x" for a row: what a catalog's message starts with.
std::string where_of(const Request& request, std::string_view field) {
  const std::string flag = flag_of(request, field);
  return flag.empty() ? place_of(request, {field}) : flag;
}

// Numbers outside their limits.
void check_limits(const Request& request, std::vector<Problem>& problems) {
  for_each_field([&](std::string_view field, auto member) {
    if constexpr (std::is_same_v<decltype(member), std::optional<std::int64_t> Request::*>) {
      if (!(request.*member)) return;
      if (const auto what = limit_problem(field, *(request.*member))) {
        problems.push_back({place_of(request, {field}), *what, ""});
      }
    }
  });
}

void check_given(const Request& request, std::vector<Problem>& problems) {
  constexpr std::string_view kNeither = "is needed: neither a flag nor a row of the system's config table gives it";
  if (!request.model) problems.push_back({"--model", std::string(kNeither), "--model llama3_70b"});
  if (!request.system) problems.push_back({"--gpu", std::string(kNeither), "--gpu h100"});
  if (!request.num_gpus) problems.push_back({"--num_gpus", std::string(kNeither), "--num_gpus 8"});
  if (!request.gbs && !request.ga) {
    problems.push_back({"--global_batch_size", std::string(kNeither), "-gb 128, or -ga with -mb"});
  }
}

// NeMo's recipe "ss", of releases after 25.07: a valid request that no Precision stands for.
bool wants_subchannel_scaling(const Request& request) {
  return lower(request.fp8_recipe.value_or("")) == "ss" && lower(request.dtype.value_or("fp8")) == "fp8";
}

void refuse_subchannel_scaling(const Request& request) {
  if (!wants_subchannel_scaling(request)) return;
  throw Unsupported("fp8_recipe ss", "the FP8 recipe ss (sub-channel scaling) of later NeMo releases is not modelled");
}

struct PrecisionChoice {
  Precision precision = Precision::bf16;
  std::string origin;
};

PrecisionChoice take_precision(const Request& request, std::vector<Problem>& problems) {
  const std::vector<std::string> words = {"fp32", "bf16", "fp8", "fp8cs", "fp8ds", "mxfp8", "nvfp4"};
  const std::vector<std::string> recipes = {"cs", "ds", "mxfp8", "nvfp4"};
  if (!request.dtype && !request.fp8_recipe) return {Precision::bf16, "rule: bf16 unless given"};
  const auto precision = wants_subchannel_scaling(request) ? Precision::fp8cs : asked_precision(request);
  const bool plain_fp8 = !request.dtype || lower(*request.dtype) == "fp8";
  if (!precision) {
    const bool recipe = plain_fp8 && request.fp8_recipe;
    const std::string word = recipe ? *request.fp8_recipe : *request.dtype;
    problems.push_back({place_of(request, {recipe ? "fp8_recipe" : "dtype"}),
                        recipe ? "is no FP8 recipe that perfbench knows" : "is no precision",
                        nearest_hint(lower(word), recipe ? recipes : words)});
    return {};
  }
  if (!plain_fp8 && is_scaled(*precision) && from_flag(request, "fp8_recipe") &&
      parse_precision("fp8", lower(*request.fp8_recipe)) != precision) {
    problems.push_back({place_of(request, {"fp8_recipe"}),
                        fmt::format("does not agree with the precision {}", name(*precision)),
                        "leave one of them out"});
  }
  if (!plain_fp8) return {*precision, origin_of(request, "dtype")};
  if (!request.fp8_recipe) return {*precision, "rule: FP8 without a recipe is current scaling"};
  return {*precision, origin_of(request, "fp8_recipe")};
}

// Looks a name up; the catalog's complaint joins the other problems.
template <typename Look>
void look_up(std::vector<Problem>& problems, Look look) {
  try {
    look();
  } catch (const InputError& error) {
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
  }
}

void take_names(JobDraft& draft, const Catalog& catalog, std::vector<Problem>& problems) {
  const Request& request = draft.request;
  if (request.system) {
    look_up(problems, [&] { draft.job.system = catalog.system(*request.system, where_of(request, "system")); });
    draft.job.origins["system"] = origin_of(request, "system");
  }
  const std::string stack = request.stack.value_or(std::string(kDefaultStack));
  look_up(problems, [&] { draft.job.stack = catalog.stack(stack, where_of(request, "stack")); });
  draft.job.origins["stack"] =
      request.stack ? origin_of(request, "stack") : fmt::format("rule: stack {} unless given", stack);
}

void take_model(JobDraft& draft, const Catalog& catalog, std::vector<Problem>& problems) {
  const Request& request = draft.request;
  if (!request.model) return;
  const std::string origin = origin_of(request, "model");
  const bool of_a_row = !origin.empty() && !from_flag(request, "model");
  if (of_a_row && !catalog.has_model(*request.model)) {
    if (!problems.empty()) throw InputError(std::move(problems));
    throw Unsupported("model", fmt::format("{}: there is no config.json of model {}", origin, *request.model));
  }
  look_up(problems, [&] { draft.job.model = catalog.model(*request.model, where_of(request, "model")); });
  draft.job.origins["model"] = origin;
}

std::vector<std::string> stacks_with_pipelined_fsdp(const Catalog& catalog) {
  std::vector<std::string> names;
  for (const std::string& name : catalog.stack_names()) {
    if (catalog.stack(name, name).fsdp_with_pp) names.push_back(name);
  }
  return names;
}

// The system; throws when it, the model or the stack has no name or a wrong one, with all problems at once.
SystemSpec check_names(const Request& request, const Catalog& catalog) {
  std::vector<Problem> problems;
  SystemSpec system;
  if (!request.model) problems.push_back({"--model", "no model is given", "name one: --model llama3_70b"});
  if (!request.system) problems.push_back({"--gpu", "no GPU is given", "one of " + join(catalog.system_names(), ", ")});
  if (request.model) look_up(problems, [&] { catalog.model(*request.model, where_of(request, "model")); });
  if (request.system) {
    look_up(problems, [&] { system = catalog.system(*request.system, where_of(request, "system")); });
  }
  if (request.stack) look_up(problems, [&] { catalog.stack(*request.stack, where_of(request, "stack")); });
  if (!problems.empty()) throw InputError(std::move(problems));
  return system;
}

// What the flags start from: the row, as far as it is for the stack that they ask for.
Request base_of(const ConfigRow& row, const Request& flags, const Catalog& catalog) {
  Request base = row.request;
  if (flags.stack) set_stack(base, *flags.stack, origin_of(flags, "stack"), catalog);
  return base;
}

}  // namespace

Job make_job(const Request& request, const Catalog& catalog) {
  JobDraft draft{.request = request, .job = {}};
  Job& job = draft.job;
  std::vector<Problem> problems;
  check_given(request, problems);
  check_limits(request, problems);
  const PrecisionChoice precision = take_precision(request, problems);
  job.precision = precision.precision;
  job.origins["precision"] = precision.origin;
  job.task = request.task.value_or(Task::pretrain);
  job.origins["task"] = request.task ? origin_of(request, "task") : "rule: pretrain unless a task is given";
  take_names(draft, catalog, problems);
  take_model(draft, catalog, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  refuse_subchannel_scaling(request);
  fill_job(draft);
  if (job.layout.fsdp && job.layout.pp > 1) draft.fsdp_with_pp = stacks_with_pipelined_fsdp(catalog);
  problems = broken_rules(draft);
  if (!problems.empty()) throw InputError(std::move(problems));
  job.notes = notes_of(draft);
  return job;
}

Resolved resolve(const Request& flags, const Catalog& catalog, Compat compat,
                 const std::optional<std::filesystem::path>& table_file) {
  const Request asked = with_defaults(flags, compat);
  const SystemSpec system = check_names(asked, catalog);
  const std::filesystem::path path = table_file.value_or(catalog.config_table(system.name));
  ConfigTable table;
  table.file = path.filename().string();
  if (table_file || is_there(path)) table = read_config_table(path);
  Resolved resolved;
  resolved.warnings = table.warnings;
  for (const Problem& problem : table.problems) resolved.warnings.push_back(problem.where + ": " + problem.what);
  resolved.choice = choose_row(asked, table, catalog, compat);
  resolved.job =
      make_job(resolved.choice.row ? merge(asked, base_of(*resolved.choice.row, asked, catalog)) : asked, catalog);
  return resolved;
}

}  // namespace perfbench
