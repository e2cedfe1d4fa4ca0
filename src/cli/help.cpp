#include "cli/help.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "cli/flags.h"
#include "cli/subcommands.h"

namespace perfbench {
namespace {

constexpr std::size_t kWidth = 100;  // columns
constexpr std::size_t kNames = 46;   // column at which the sentences start

// `text` broken between words, each further line led by `indent` spaces; the first line starts at column `column`.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
  std::string out;
  bool first_of_line = true;
  for (const std::string& word : split(text, ' ')) {
    if (!first_of_line && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      first_of_line = true;
    }
    if (!first_of_line) out += ' ';
    out += word;
    column += word.size() + (first_of_line ? 0 : 1);
    first_of_line = false;
  }
  return out;
}

// Two columns: `left`, and the sentence beside it, or below it where `left` is too long.
std::string entry(const std::string& left, std::string_view sentence) {
  std::string out = "  " + left;
  const bool beside = out.size() + 2 <= kNames;
  if (!beside) out += "\n";
  out += std::string(beside ? kNames - out.size() : kNames, ' ');
  return out + wrapped(sentence, kNames, kNames) + "\n";
}

std::string paragraph(std::string_view text) { return "  " + wrapped(text, 2, 2) + "\n"; }

std::string flag_entry(const Flag& flag) {
  std::string left;
  for (const std::string& alias : split(flag.aliases, ' '))
    if (!alias.empty()) left += alias + ", ";
  left += "--" + std::string(flag.name);
  if (flag.kind == FlagKind::optional_integer)
    left += fmt::format(" [{}]", flag.value);
  else if (!flag.value.empty())
    left += fmt::format(" {}", flag.value);
  const std::string_view source = title(flag.source);
  return entry(left, source.empty() ? std::string(flag.sentence) : fmt::format("{} [{}]", flag.sentence, source));
}

std::string usage() {
  std::string out = "Usage:\n";
  for (const Subcommand& subcommand : subcommands()) out += entry(std::string(subcommand.usage), subcommand.sentence);
  return out;
}

std::string examples() {
  return "\nExamples:\n"
         "  perfbench --model llama3_70b --gpu h100 -tp 4 -pp 8\n"
         "  perfbench --compat nemo python -m scripts.performance.llm.pretrain_llama3_8b --gpu b200 -c fp8\n"
         "  perfbench check model_configs/model_configs_h100.csv\n";
}

std::string row_choice() {
  return "\nWhat the flags leave out:\n" +
         paragraph(
             "One row of model_configs_<gpu>.csv (or --table) of the model, the task (pretrain unless -f, --task or a "
             "finetune name says otherwise) and the system is the base, and the flags override it. Of several: the row "
             "that its document calls by the name given; that of the precision, then of the stack, then of the number "
             "of GPUs that flags ask for; FP8 first, current scaling first, stack megatron first; that of the layout, "
             "then of the tuning that flags ask for; most GPUs; the first in the file. What a row of another stack "
             "than --stack's says about its software (recompute, FSDP, CUDA graphs, lbs and the like) is not taken. "
             "What is still unset follows from the stack and from rules. The output says which row was taken and where "
             "each value came from.") +
         paragraph(
             "With --compat nemo: system h100, dtype bf16, FP8 recipe ds and fine-tuning lora are the defaults, and "
             "the first "
             "row of the model, task, dtype and, where given, num_gpus is taken, as NeMo's scripts do.") +
         paragraph(
             "A word pretrain_<model> or finetune_<model>, also at the end of a module path, names the model and the "
             "task.");
}

std::string flag_list() {
  std::string out =
      "\nFlags:\n" +
      paragraph(
          "One dash or two, '-' or '_' inside, a space or '=' before the value. Of a repeated flag the last counts. "
          "BOOL is true, 1, t, yes, y or false, 0, f, no, n. [NeMo] is a flag of the parser of NeMo 25.04, [NeMo, "
          "later] "
          "of a later version, [AWS] of the NeMo on AWS document; the others are perfbench's own.");
  for (const FlagGroup group : {FlagGroup::question, FlagGroup::layout, FlagGroup::batch, FlagGroup::precision,
                                FlagGroup::memory, FlagGroup::measuring, FlagGroup::result, FlagGroup::cluster}) {
    out += fmt::format("\n{}:\n", title(group));
    for (const Flag& flag : flags())
      if (flag.group == group) out += flag_entry(flag);
  }
  return out;
}

std::string exit_codes() {
  const auto entry = [](std::string_view code, std::string_view meaning) {
    const std::string start = fmt::format("  {:<3} ", code);
    return start + wrapped(meaning, start.size(), 6) + "\n";
  };
  const auto line = [&](ExitCode code, std::string_view meaning) {
    return entry(std::to_string(static_cast<int>(code)), meaning);
  };
  return "\nExit codes:\n" +
         line(ExitCode::ok,
              "The row is there; sweep: every row has a status; diff: no row got worse; check: no row is impossible; "
              "doctor: the engine is usable.") +
         line(ExitCode::regression,
              "A regression: diff, baseline check: a row got worse; verify: it differs; audit --strict: a finding; "
              "sweep --strict: a row is not ok.") +
         line(ExitCode::bad_input,
              "A mistake in the flags, a table or another file; check: an impossible row; sweep: a broken one among "
              "good ones.") +
         line(ExitCode::run_failed,
              "The run failed: the only row asked for is oom or unsupported, or a result could not be written. A row "
              "is printed all the same.") +
         line(ExitCode::environment, "The machine or the installation lacks something.") +
         line(ExitCode::timeout,
              "A rank hung for --step_timeout_s. The row (timeout) has the samples so far; sweep: its row is done, and "
              "the same command goes on behind it.") +
         entry("128+n",
               "Stopped by signal n, SIGINT or SIGTERM: what runs ends its step, and the row (interrupted) has the "
               "samples so far; sweep: the same command runs that row again. A second signal ends it at once.");
}

}  // namespace

std::string help_text() {
  return "perfbench predicts the rows of published LLM training tables and says where each value comes from.\n\n" +
         usage() + examples() + row_choice() + flag_list() + exit_codes() + "\n" +
         wrapped(
             "Errors and warnings go to standard error. With an error, standard output has nothing but the row whose "
             "files could not be written, or the good rows of a sweep.",
             0, 0) +
         "\n";
}

}  // namespace perfbench
