#include "cli/subcommands.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/model_word.h"

namespace perfbench {
namespace {

constexpr Subcommand kSubcommands[] = {
    {Command::row, "the main form", "perfbench [FLAGS]", "", "Predict one row and print it."},
    {Command::check, "check", "perfbench check TABLE.csv... [--json]", "json help version",
     "Say of every row what a sweep would: ok, oom with the stage that does not fit, unsupported with what is missing, "
     "or impossible with the rule that it breaks."},
    {Command::sweep, "sweep", "perfbench sweep TABLE.csv... [--out DIR] [--where NAME=VALUE,...]",
     "where repeats strict mode calibration device steps warmup_steps seed step_timeout_s stage slice_microbatches "
     "max_steps stack out env_vars json markdown dryrun help version",
     "Run every row of configuration tables, whatever comes of it, into rows.csv, rows.json, rows.md and run.json. A "
     "sweep that was stopped goes on where it was."},
    {Command::diff, "diff",
     "perfbench diff BASELINE NEW [--threshold METRIC=PERCENT] [--strict] [--json] [--junit FILE]",
     "threshold strict json junit help version",
     "Compare rows.csv files, or folders that hold one, configuration by configuration: SAME, FASTER, SLOWER, "
     "AMBIGUOUS, MISSING, NEW or INVALID. Exit 1 if a row is SLOWER, MISSING or INVALID."},
    {Command::baseline_update, "baseline update", "perfbench baseline update [SYSTEM... | --table FILE] [--out DIR]",
     "table out threshold help version",
     "Predict every row of the systems' tables, show what changed, and write results/baselines/<system>.csv; without "
     "a system, those that are there."},
    {Command::baseline_check, "baseline check",
     "perfbench baseline check [SYSTEM... | --table FILE] [--out DIR] [as diff]",
     "table out threshold strict json junit help version",
     "The same, compared with the baselines as diff does; nothing is written there."},
    {Command::list, "list", "perfbench list WHAT [--where NAME=VALUE,...] [--json] [--names]",
     "where json names help version",
     "Show what the data files hold: models, systems, configs, stacks or published (rows)."},
    {Command::completion, "completion", "perfbench completion bash", "help version",
     "Print a script that makes bash complete perfbench's words: source <(perfbench completion bash)."},
    {Command::export_table, "export", "perfbench export TABLE.csv [-o FILE]", "output help version",
     "Print a table for NeMo: its columns in its order, without perfbench's own."},
    {Command::audit, "audit", "perfbench audit [FILE...] [--report] [--strict] [--json] [--junit FILE]",
     "report strict json junit model gpu task stack compute_dtype fp8_recipe convention keep_unknown help version",
     "Check published tables against themselves: batches, layouts, throughput, FLOP conventions, peaks, commands. FILE "
     "is "
     "a table as import reads it, or one that it wrote; without one, all of model_configs/published."},
    {Command::import_file, "import", "perfbench import FILE [--output FILE] [--format table|log] [FLAGS]",
     "output format convention id keep_unknown warmup_steps json model gpu task finetuning stack compat table "
     "num_gpus tensor_parallel_size pipeline_parallel_size context_parallel_size virtual_pipeline_parallel_size "
     "expert_parallel_size expert_tensor_parallel_size use_mcore_fsdp global_batch_size micro_batch_size lbs "
     "gradient_accumulation seq_len compute_dtype fp8_recipe recompute_layers activation_offload_layers "
     "recompute_modules cuda_graphs use_user_buffer_registration use_sharp lora_rank lora_alpha lora_targets packed "
     "help version",
     "A table as it was published (Markdown, CSV, or one cell per line) into the form of model_configs/published; a "
     "log "
     "of NeMo, Megatron-LM, Megatron-Bridge, torchtitan or NeMo AutoModel into a measured row. Flags say what the file "
     "doesn't."},
    {Command::verify, "verify",
     "perfbench verify DIR [--steps N] [--expect FILE] [--save_gradients FILE] [--json] [FLAGS]",
     "expect save_gradients save_weights steps device step_timeout_s json gpu stack num_gpus tensor_parallel_size "
     "pipeline_parallel_size context_parallel_size virtual_pipeline_parallel_size expert_parallel_size "
     "expert_tensor_parallel_size use_mcore_fsdp global_batch_size micro_batch_size lbs gradient_accumulation seq_len "
     "compute_dtype fp8_recipe recompute_layers recompute_modules task finetuning lora_rank lora_alpha lora_targets "
     "packed help version",
     "Run a forward and a backward of a Hugging Face folder (config.json, model.safetensors) on its batch.safetensors "
     "(input_ids and labels, as transformers takes them), then print or compare the loss and the gradients. --steps N: "
     "then train N steps on that batch. Adapters that peft saved there are what is trained, unless --task says "
     "otherwise."},
    {Command::show_program, "show program", "perfbench show program [FLAGS]",
     "model gpu task finetuning stack compat table num_gpus tensor_parallel_size pipeline_parallel_size "
     "context_parallel_size virtual_pipeline_parallel_size expert_parallel_size expert_tensor_parallel_size "
     "use_mcore_fsdp global_batch_size micro_batch_size lbs gradient_accumulation seq_len compute_dtype fp8_recipe "
     "keep_fsdp_fp8_transpose_cache recompute_layers activation_offload_layers recompute_modules cuda_graphs "
     "use_user_buffer_registration use_sharp lora_rank lora_alpha lora_targets packed help version",
     "Print the operations of one rank: one layer of each kind, forward and backward, with shapes, lanes and "
     "collectives."},
    {Command::calibrate, "calibrate", "perfbench calibrate [FLAGS | TABLE.csv...] --output FILE [--budget SECONDS]",
     "output budget device seed step_timeout_s where model gpu task finetuning stack compat table num_gpus "
     "tensor_parallel_size pipeline_parallel_size context_parallel_size virtual_pipeline_parallel_size "
     "expert_parallel_size expert_tensor_parallel_size use_mcore_fsdp global_batch_size micro_batch_size lbs "
     "gradient_accumulation seq_len compute_dtype fp8_recipe recompute_layers recompute_modules lora_rank lora_alpha "
     "lora_targets packed env_vars help version",
     "Time each kernel of a job, or of every row of tables, and a grid of matrix products, attention and copies on the "
     "device at hand, into a file that predictions use (--calibration)."},
    {Command::accuracy, "accuracy", "perfbench accuracy --calibration FILE [--where NAME=VALUE,...] [--json]",
     "calibration where stack json help version",
     "Compare the predicted times of measured kernels with the measured ones, kernel by kernel and by op."},
    {Command::doctor, "doctor", "perfbench doctor [--json]", "json help version",
     "Say what the engine can use here: LibTorch, devices, NCCL, or what is missing."},
};

// Flags of single subcommands, long names.
constexpr std::string_view kNotOfTheMainForm =
    "output names where repeats strict threshold junit format convention id keep_unknown expect save_gradients "
    "save_weights report budget";

bool holds_word(std::string_view words, std::string_view word) {
  const std::vector<std::string> all = split(words, ' ');
  return std::find(all.begin(), all.end(), word) != all.end();
}

std::vector<Problem> check_tables(const CommandLine& line) {
  if (line.words.empty()) return {{std::string(spelling_of(line.command)), "needs a table, FILE.csv", ""}};
  if (line.command == Command::export_table && line.words.size() > 1)
    return {{"export", fmt::format("takes one table, {} given", line.words.size()), "call it once per table"}};
  return {};
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
  if (!line.options.calibration)
    problems.push_back({"accuracy", "needs a file of measured kernels", "perfbench accuracy --calibration FILE"});
  return problems;
}

// Takes "baseline update" or "baseline check".
std::vector<Problem> take_baseline(CommandLine& line) {
  const std::string what = line.words.size() > 1 ? line.words[1] : "";
  if (what != "update" && what != "check")
    return {{"baseline", what.empty() ? "needs what to do" : fmt::format("can't {}", what),
             "perfbench baseline update, or perfbench baseline check"}};
  line.command = what == "update" ? Command::baseline_update : Command::baseline_check;
  line.words.erase(line.words.begin(), line.words.begin() + 2);
  if (line.words.empty() || !line.options.table) return {};
  return {{"--table", "names one table, and a system was named, too", "give one of them"}};
}

// The main form takes at most one word, a module that names the model.
std::vector<Problem> check_model_words(const CommandLine& line) {
  std::vector<Problem> problems;
  for (const std::string& word : line.words) {
    if (parse_model_word(word)) continue;
    const std::vector<std::string> names = {"check",           "list",      "completion", "sweep",  "diff",
                                            "baseline update", "export",    "audit",      "import", "verify",
                                            "doctor",          "calibrate", "accuracy"};
    const std::vector<std::string> near = nearest(word, names);
    const std::string rule = "is no subcommand and no module name (pretrain_<model>, finetune_<model>)";
    if (!near.empty()) return {{word, rule, fmt::format("did you mean {}?", join(near, ", "))}};
    problems.push_back({word, rule, fmt::format("for a model: --model {}", word)});
  }
  if (problems.empty() && line.words.size() > 1)
    problems.push_back({join(line.words, " "), "more than one word names a model", "give one"});
  return problems;
}

}  // namespace

std::span<const Subcommand> subcommands() { return kSubcommands; }

std::string_view spelling_of(Command command) {
  return std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                      [&](const Subcommand& s) { return s.command == command; })
      ->spelling;
}

bool has_use_for(Command command, std::string_view flag) {
  const auto found = std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                                  [&](const Subcommand& s) { return s.command == command; });
  return found->flags.empty() ? !holds_word(kNotOfTheMainForm, flag) : holds_word(found->flags, flag);
}

std::vector<Problem> take_subcommand(CommandLine& line) {
  if (line.words.empty()) return {};
  const std::string first = line.words.front();
  if (first == "show") {
    if (line.words.size() < 2 || line.words[1] != "program") {
      return {{"show",
               line.words.size() < 2 ? "needs what to show" : fmt::format("\"{}\" can't be shown", line.words[1]),
               "perfbench show program"}};
    }
    line.command = Command::show_program;
    line.words.erase(line.words.begin(), line.words.begin() + 2);
    return check_model_words(line);
  }
  if (first == "baseline") return take_baseline(line);
  const auto found = std::find_if(std::begin(kSubcommands), std::end(kSubcommands),
                                  [&](const Subcommand& s) { return s.spelling == first; });
  if (found == std::end(kSubcommands)) return check_model_words(line);
  line.command = found->command;
  line.words.erase(line.words.begin());
  if (line.command == Command::audit) return {};  // without words it takes every table
  if (line.command == Command::list || line.command == Command::completion) return {};  // they look at their words
  if (line.command == Command::diff) return check_diff_words(line);
  if (line.command == Command::import_file) return check_import_words(line);
  if (line.command == Command::verify) return check_verify_words(line);
  if (line.command == Command::calibrate) return check_calibrate(line);
  if (line.command == Command::accuracy) return check_accuracy(line);
  if (line.command != Command::doctor) return check_tables(line);
  if (line.words.empty()) return {};
  return {{"doctor", fmt::format("takes no words, \"{}\" given", line.words.front()), ""}};
}

}  // namespace perfbench
