#include "cli/subcommands.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <type_traits>
#include <variant>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/model_word.h"

namespace perfbench {
namespace {

// Flags of single subcommands, long names.
constexpr std::string_view kNotOfTheMainForm =
    "output names where repeats strict threshold junit format convention id keep_unknown expect save_gradients "
    "save_weights report budget";

bool holds_word(std::string_view words, std::string_view word) {
  const std::vector<std::string> all = split(words, ' ');
  return std::find(all.begin(), all.end(), word) != all.end();
}

template <typename Struct, typename Value>
constexpr bool is_of_request(Value Struct::*) {
  return std::is_same_v<Struct, Request>;
}

// Whether the flag sets a value of a Request.
bool describes_a_job(std::string_view name) {
  const Flag* flag = find_flag("--" + std::string(name));
  return flag != nullptr && std::visit([](auto member) { return is_of_request(member); }, flag->target);
}

bool takes(std::string_view flags, std::string_view flag) {
  if (flags.empty()) return !holds_word(kNotOfTheMainForm, flag);
  if (flag == "help" || flag == "version" || holds_word(flags, flag)) return true;
  return holds_word(flags, "@job") && describes_a_job(flag) && !holds_word(flags, "-" + std::string(flag));
}

std::vector<std::string> spellings() {
  std::vector<std::string> names;
  for (const Subcommand& subcommand : subcommands())
    if (subcommand.command != Command::row) names.emplace_back(subcommand.spelling);
  return names;
}

// Words that the subcommand looks at itself.
std::vector<Problem> takes_any(const CommandLine&) { return {}; }

std::vector<Problem> check_tables(const CommandLine& line) {
  if (!line.words.empty()) return {};
  return {{std::string(subcommand_of(line.command).spelling), "needs a table, FILE.csv", ""}};
}

std::vector<Problem> check_one_table(const CommandLine& line) {
  if (line.words.size() <= 1) return check_tables(line);
  return {{"export", fmt::format("takes one table, {} given", line.words.size()), "call it once per table"}};
}

std::vector<Problem> check_diff_words(const CommandLine& line) {
  if (line.words.size() == 2) return {};
  return {{"diff", fmt::format("takes two files or folders, {} given", line.words.size()),
           "perfbench diff results/baselines/h100.csv OUT/rows.csv"}};
}

std::vector<Problem> check_import_words(const CommandLine& line) {
  if (line.words.size() == 1) return {};
  return {
      {"import", fmt::format("takes one file, {} given", line.words.size()),
       "perfbench import TABLE.md -o TABLE.csv; perfbench import RUN.log --model llama3_8b --gpu h100 -o rows.csv"}};
}

std::vector<Problem> check_verify_words(const CommandLine& line) {
  if (line.words.size() == 1) return {};
  return {{"verify", fmt::format("takes one folder, {} given", line.words.size()),
           "a folder with config.json, model.safetensors and batch.safetensors"}};
}

// Tables, or a job by flags.
std::vector<Problem> check_calibrate(const CommandLine& line) {
  std::vector<Problem> problems;
  if (!line.options.output)
    problems.push_back({"calibrate", "needs a file to write", "perfbench calibrate ... --output FILE"});
  if (line.words.empty()) return problems;
  for (const auto& [field, origin] : line.request.origins)
    if (field != "stack")
      problems.push_back({origin.substr(origin.find(' ') + 1), "says of one job what the rows of a table say",
                          "leave it out, or the table"});
  return problems;
}

std::vector<Problem> check_accuracy(const CommandLine& line) {
  std::vector<Problem> problems;
  if (!line.words.empty())
    problems.push_back({"accuracy", fmt::format("takes no words, \"{}\" given", line.words.front()), ""});
  if (line.options.calibration && line.options.leave_out)
    problems.push_back(
        {"--leave_out", "is of published rows, and --calibration names measured kernels", "leave one of them out"});
  if (!line.options.calibration && line.request.stack)
    problems.push_back({flag_of(line.request, "stack"), "is of measured kernels: without --calibration the rows say it",
                        "perfbench accuracy --where stack=" + *line.request.stack});
  return problems;
}

std::vector<Problem> check_doctor(const CommandLine& line) {
  if (line.words.empty()) return {};
  return {{"doctor", fmt::format("takes no words, \"{}\" given", line.words.front()), ""}};
}

std::vector<Problem> check_baseline(const CommandLine& line) {
  if (line.words.empty() || !line.options.table) return {};
  return {{"--table", "names one table, and a system was named, too", "give one of them"}};
}

// The main form takes at most one word, a module that names the model.
std::vector<Problem> check_model_words(const CommandLine& line) {
  std::vector<Problem> problems;
  for (const std::string& word : line.words) {
    if (parse_model_word(word)) continue;
    const std::vector<std::string> near = nearest(word, spellings());
    const std::string rule = "is no subcommand and no module name (pretrain_<model>, finetune_<model>)";
    if (!near.empty()) return {{word, rule, fmt::format("did you mean {}?", join(near, ", "))}};
    problems.push_back({word, rule, fmt::format("for a model: --model {}", word)});
  }
  if (problems.empty() && line.words.size() > 1)
    problems.push_back({join(line.words, " "), "more than one word names a model", "give one"});
  return problems;
}

constexpr Subcommand kSubcommands[] = {
    {Command::row, "the main form", "perfbench [FLAGS]", "", Words::none, check_model_words, run_row,
     "Predict one row and print it."},
    {Command::check, "check", "perfbench check TABLE.csv... [--json]", "json", Words::files, check_tables, run_check,
     "Say of every row what a sweep would: ok, oom with the stage that does not fit, unsupported with what is missing, "
     "or impossible with the rule that it breaks."},
    {Command::sweep, "sweep", "perfbench sweep TABLE.csv... [--out DIR] [--where NAME=VALUE,...]",
     "where repeats strict mode calibration device steps warmup_steps seed step_timeout_s stage slice_microbatches "
     "max_steps stack out env_vars json markdown dryrun",
     Words::files, check_tables, run_sweep,
     "Run every row of configuration tables, whatever comes of it, into rows.csv, rows.json, rows.md and run.json. A "
     "sweep that was stopped goes on where it was."},
    {Command::diff, "diff",
     "perfbench diff BASELINE NEW [--threshold METRIC=PERCENT] [--strict] [--json] [--junit FILE]",
     "threshold strict json junit", Words::files, check_diff_words, run_diff,
     "Compare rows.csv files, or folders that hold one, configuration by configuration: SAME, FASTER, SLOWER, "
     "AMBIGUOUS, MISSING, NEW or INVALID. Exit 1 if a row is SLOWER, MISSING or INVALID."},
    {Command::baseline_update, "baseline update", "perfbench baseline update [SYSTEM... | --table FILE] [--out DIR]",
     "table out threshold", Words::systems, check_baseline, run_baseline_update,
     "Predict every row of the systems' tables, show what changed, and write results/baselines/<system>.csv; without a "
     "system, of all that have a table."},
    {Command::baseline_check, "baseline check",
     "perfbench baseline check [SYSTEM... | --table FILE] [--out DIR] [as diff]",
     "table out threshold strict json junit", Words::systems, check_baseline, run_baseline_check,
     "The same, compared with the baselines as diff does; nothing is written there."},
    {Command::list, "list", "perfbench list WHAT [--where NAME=VALUE,...] [--json] [--names]", "where json names",
     Words::listings, takes_any, run_list,
     "Show what the data files hold: models, systems, configs, stacks or published (rows)."},
    {Command::completion, "completion", "perfbench completion bash", "help", Words::shells, takes_any, run_completion,
     "Print a script that makes bash complete perfbench's words: source <(perfbench completion bash)."},
    {Command::export_table, "export", "perfbench export TABLE.csv [-o FILE]", "output", Words::files, check_one_table,
     run_export, "Print a table for NeMo: its columns in its order, without perfbench's own."},
    {Command::audit, "audit", "perfbench audit [FILE...] [--report] [--strict] [--json] [--junit FILE]",
     "report strict json junit model gpu task stack compute_dtype fp8_recipe convention keep_unknown", Words::files,
     takes_any, run_audit,
     "Check published tables against themselves: batches, layouts, throughput, FLOP conventions, peaks, commands. FILE "
     "is a table as import reads it, or one that it wrote; without one, all of model_configs/published."},
    {Command::import_file, "import", "perfbench import FILE [--output FILE] [--format table|log] [FLAGS]",
     "@job -keep_fsdp_fp8_transpose_cache output format convention id keep_unknown warmup_steps json compat table",
     Words::files, check_import_words, run_import,
     "A table as it was published (Markdown, CSV, or one cell per line) into the form of model_configs/published; a "
     "log of NeMo, Megatron-LM, Megatron-Bridge, torchtitan or NeMo AutoModel into a measured row. Flags say what the "
     "file doesn't."},
    {Command::verify, "verify",
     "perfbench verify DIR [--steps N] [--expect FILE] [--save_gradients FILE] [--json] [FLAGS]",
     "@job -model -keep_fsdp_fp8_transpose_cache -activation_offload_layers -cuda_graphs -cuda_graph_modules "
     "-gate_imbalance -ep_overlap -use_user_buffer_registration -use_sharp expect save_gradients save_weights steps "
     "device step_timeout_s json",
     Words::files, check_verify_words, run_verify,
     "Run a forward and a backward of a Hugging Face folder (config.json, model.safetensors) on its batch.safetensors "
     "(input_ids and labels, as transformers takes them), then print or compare the loss and the gradients. --steps N: "
     "then train N steps on that batch. Adapters that peft saved there are what is trained, unless --task says "
     "otherwise."},
    {Command::show_program, "show program", "perfbench show program [FLAGS]", "@job compat table", Words::none,
     check_model_words, run_show_program,
     "Print the operations of one rank: one layer of each kind, forward and backward, with shapes, lanes and "
     "collectives."},
    {Command::calibrate, "calibrate", "perfbench calibrate [FLAGS | TABLE.csv...] --output FILE [--budget SECONDS]",
     "@job -keep_fsdp_fp8_transpose_cache -activation_offload_layers -cuda_graphs -cuda_graph_modules -gate_imbalance "
     "-ep_overlap -use_user_buffer_registration -use_sharp output budget device seed step_timeout_s where compat table "
     "env_vars",
     Words::files, check_calibrate, run_calibrate,
     "Time each kernel of a job, or of every row of tables, and a grid of matrix products, attention and copies on the "
     "device at hand, into a file that predictions use (--calibration)."},
    {Command::accuracy, "accuracy",
     "perfbench accuracy [--leave_out WHAT | --calibration FILE] [--where NAME=VALUE,...] [--json]",
     "leave_out calibration where stack json", Words::none, check_accuracy, run_accuracy,
     "Predict every published row, also by constants that were fitted without it, and say by group how far off the "
     "predictions are. With --calibration: the predicted times of measured kernels against the measured ones."},
    {Command::doctor, "doctor", "perfbench doctor [--json]", "json", Words::none, check_doctor, run_doctor,
     "Say what the engine can use here: LibTorch, devices, NCCL, or what is missing."},
};

// What is wrong where the first word of a subcommand is not followed by its second.
std::vector<Problem> missing_second_word(const CommandLine& line) {
  const std::string what = line.words.size() > 1 ? line.words[1] : "";
  if (line.words.front() == "show")
    return {{"show", what.empty() ? "needs what to show" : fmt::format("\"{}\" can't be shown", what),
             "perfbench show program"}};
  if (line.words.front() == "baseline")
    return {{"baseline", what.empty() ? "needs what to do" : fmt::format("can't {}", what),
             "perfbench baseline update, or perfbench baseline check"}};
  return {};
}

// Of the words, how many spell it; 0: they don't.
std::size_t words_taken(const Subcommand& subcommand, const std::vector<std::string>& words) {
  const std::vector<std::string> spelled = split(subcommand.spelling, ' ');
  const bool begins = words.size() >= spelled.size() && std::equal(spelled.begin(), spelled.end(), words.begin());
  return begins ? spelled.size() : 0;
}

}  // namespace

std::span<const Subcommand> subcommands() { return kSubcommands; }

const Subcommand& subcommand_of(Command command) {
  const auto found = std::ranges::find(kSubcommands, command, &Subcommand::command);
  check(found != std::end(kSubcommands), "a command that is not in the table of subcommands");
  return *found;
}

bool has_use_for(Command command, std::string_view flag) { return takes(subcommand_of(command).flags, flag); }

std::vector<Problem> take_subcommand(CommandLine& line) {
  if (line.words.empty()) return {};
  for (const Subcommand& subcommand : kSubcommands) {
    const std::size_t taken = subcommand.command == Command::row ? 0 : words_taken(subcommand, line.words);
    if (taken == 0) continue;
    line.command = subcommand.command;
    line.words.erase(line.words.begin(), line.words.begin() + static_cast<std::ptrdiff_t>(taken));
    return subcommand.check(line);
  }
  std::vector<Problem> problems = missing_second_word(line);
  return problems.empty() ? check_model_words(line) : problems;
}

}  // namespace perfbench
