// What a command line says, as values: nothing is looked up, defaulted or checked against a model here.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/choices.h"
#include "job/request.h"

namespace perfbench {

// A text that nothing prints or records: it converts to no string, and no writer knows it.
struct Secret {
  std::string hidden;
};

// perfbench's own options.
struct Options {
  std::optional<Mode> mode;              // unset: automatic
  std::optional<Compat> compat;          // whose defaults
  std::optional<std::string> table;      // instead of model_configs_<gpu>.csv
  std::optional<std::string> env_vars;   // a JSON file
  std::optional<std::string> out;        // folder of the result files
  std::optional<std::string> output;     // file that `export` writes
  std::optional<std::string> where;      // NAME=VALUE,...: the rows that are meant; of a repeated flag all parts
  std::optional<std::int64_t> repeats;   // runs of each job
  std::optional<std::string> threshold;  // METRIC=PERCENT,...; of a repeated flag all parts
  std::optional<std::string> junit;      // file that `diff` writes
  bool dryrun = false, json = false, csv = false, markdown = false, version = false, help = false;
  bool names = false;   // `list` prints the names alone
  bool strict = false;  // what is not ok, or not as it was, is a failure
  bool report = false;  // `audit` prints FLOPs per token

  // `--mode measure`
  std::optional<Device> device;
  std::optional<std::int64_t> steps;           // warm-up included
  std::optional<std::int64_t> seed;            // of weights and mock data
  std::optional<std::int64_t> step_timeout_s;  // without any op begun
  std::optional<StepLogFormat> log_format;     // of a line per step

  // Measured kernels
  std::optional<SliceStage> stage;                 // `--mode slice`
  std::optional<std::int64_t> slice_microbatches;  // `--mode slice`: of a step of a slice
  std::optional<std::string> calibration;          // a file of measured kernels that a prediction uses
  std::optional<std::int64_t> budget;              // `calibrate`: seconds
  std::optional<LeaveOut> leave_out;               // `accuracy`

  // `verify`
  std::optional<std::string> expect, save_gradients, save_weights;  // files

  // `import`
  std::optional<ImportFormat> format;         // of its file
  std::optional<std::string> convention, id;  // of a table's TFLOP/s; what its rows are called
  std::optional<std::int64_t> warmup_steps;   // iterations of a log that don't count; of `--mode measure`, too
  bool keep_unknown = false;                  // columns that nobody knows
};

// What only a launcher on a cluster can use. Accepted and kept; a prediction doesn't depend on it.
struct LaunchOptions {
  std::optional<std::string> account, partition, container_image, log_dir, time_limit, nemo_home,
      memory_profile_out_path;
  std::optional<std::string> wandb_prj_name, wandb_job_name, nccl_communicator_config_path, additional_slurm_params;
  std::optional<std::int64_t> gpus_per_node, max_steps;
  std::optional<bool> enable_vboost, use_fsdp_double_buffer;
  std::optional<std::vector<std::string>> custom_mounts;
  bool enable_nsys = false, enable_memory_profile = false, tensorboard = false, wandb = false, detach = false;
  bool dump_config_diff_from_base_recipe = false, use_hf_tokenizer = false;
  std::optional<Secret> hf_token, wandb_key;
};

enum class Command {
  row,
  check,
  show_program,
  doctor,
  export_table,
  sweep,
  diff,
  baseline_update,
  baseline_check,
  list,
  completion,
  audit,
  import_file,
  verify,
  calibrate,
  accuracy
};

struct CommandLine {
  Command command = Command::row;
  std::vector<std::string> words;  // after the command's own: table files, or the module that names the model
  Request request;                 // origins: "flag -tp", as it was spelled
  Options options;
  LaunchOptions launch;
  std::vector<std::pair<std::string, std::string>>
      given;  // (spelling, value) in order, secrets as "***": safe to record
};

}  // namespace perfbench
