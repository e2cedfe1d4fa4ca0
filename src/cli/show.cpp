// perfbench show program: the operations behind a row.
#include <fmt/format.h>

#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/idle_flags.h"
#include "cli/output.h"
#include "models/programs.h"
#include "program/print.h"

namespace perfbench {
namespace {

// "chunk kind 0: embedding, 2 layers; chunks 0" and so on.
std::string title_of(const Job& job, const Plan& plan, std::size_t kind) {
  std::vector<std::string> chunks;
  const ChunkLayers* layers = nullptr;
  for (std::size_t i = 0; i < plan.chunks.size(); ++i) {
    if (static_cast<std::size_t>(plan.chunks[i].kind) != kind) continue;
    layers = &job.chunks[i];
    chunks.push_back(std::to_string(i));
  }
  const std::string where = chunks.size() == 1
                                ? "chunk " + chunks.front()
                                : fmt::format("{} chunks, {} to {}", chunks.size(), chunks.front(), chunks.back());
  return fmt::format("== {} of {}: {}{} layers{}", where, plan.chunks.size(), layers->embedding ? "embedding, " : "",
                     layers->count, layers->head ? ", head and loss" : "");
}

std::string show_program(const Job& job) {
  const Plan plan = build_plan(job);
  std::string text = fmt::format(
      "{} on {} {}, {}, stack {}: tp {} pp {} vp {} dp {}, microbatch {} x {} tokens\n"
      "shapes are those of one rank; {{tp:0}} is split over tp along dim 0, {{tp:partial}} a sum that is not complete\n"
      "$name is a state of the stage, +=> updates it; ops run on the compute lane where no @lane stands\n",
      job.model.name, job.num_gpus, job.system.name, name(job.precision), job.stack.name, job.layout.tp, job.layout.pp,
      job.layout.vp, job.layout.dp, job.mbs, job.seq_len);
  for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind) {
    text += "\n" + print_program(plan.kinds[kind], title_of(job, plan, kind));
  }
  return text;
}

}  // namespace

ExitCode run_show_program(const CommandLine& line) {
  const Asked asked = resolve_asked(line, Catalog::find());
  const std::string text = show_program(asked.job);
  warn(asked.warnings);
  if (const std::string idle = idle_flags_note(line, "a Program"); !idle.empty()) warn({idle});
  return print(text);
}

}  // namespace perfbench
