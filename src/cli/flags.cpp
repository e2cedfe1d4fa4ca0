#include "cli/flags.h"

#include <algorithm>

#include "base/text.h"
#include "job/request_fields.h"

namespace perfbench {
namespace {

using K = FlagKind;
using G = FlagGroup;
using S = FlagSource;
using L = LaunchOptions;

// Order of the columns: name, aliases, kind, group, source, target, value, choices, sentence.
constexpr Flag kFlags[] = {
    {"model", "", K::text, G::question, S::perfbench, &Request::model, "NAME", "",
     "Model: a name, an alias, or a path to a config.json or to its folder."},
    {"gpu", "-g", K::text, G::question, S::nemo_2504, &Request::system, "NAME", "",
     "GPU system: h100, b200, gb200, ...; a wrong name gets the nearest ones."},
    {"task", "", K::text, G::question, S::perfbench, &Request::task, "TASK", "pretrain pre_train sft lora",
     "pretrain, sft or lora; pretrain unless the model's name or -f says otherwise."},
    {"finetuning", "-f", K::text, G::question, S::nemo_2504, &Request::task, "TASK", "sft lora",
     "Fine-tuning scheme: sft or lora."},
    {"lora_rank", "", K::integer, G::question, S::perfbench, &Request::lora_rank, "N", "",
     "Task lora: rank of the adapters; 16 unless given."},
    {"lora_alpha", "", K::integer, G::question, S::perfbench, &Request::lora_alpha, "N", "",
     "Task lora: an adapter is multiplied by alpha / rank; 32 unless given."},
    {"lora_targets", "", K::list, G::question, S::perfbench, &Request::lora_targets, "NAME...", "",
     "Task lora: the linear layers with an adapter: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; "
     "qkv_proj for one adapter of q, k and v together; all for every linear layer but the head. Those of the stack "
     "unless given."},
    {"packed", "", K::boolean, G::question, S::perfbench, &Request::packed, "BOOL", "",
     "Tasks sft and lora: samples are packs of shorter sequences that do not see each other; what the stack does "
     "unless given."},
    {"stack", "", K::text, G::question, S::perfbench, &Request::stack, "NAME", "",
     "Whose software is predicted: megatron (the release megatron_2504), automodel, ...; perfbench list stacks. Or the "
     "path of a stack's JSON file."},
    {"mode", "", K::text, G::question, S::perfbench, &Options::mode, "MODE", "auto measure slice simulate",
     "auto, simulate, measure or slice. auto simulates where nothing can be measured, and says so. slice: one device "
     "runs single stages, and the step is simulated with the times of their kernels."},
    {"calibration", "", K::text, G::question, S::perfbench, &Options::calibration, "FILE", "",
     "Measured kernels, as calibrate and --mode slice write them: a prediction for the system that they were measured "
     "on takes their times."},
    {"compat", "", K::text, G::question, S::perfbench, &Options::compat, "WHOSE", "perfbench nemo",
     "nemo: what is left out has the defaults of NeMo's own scripts."},
    {"table", "", K::text, G::question, S::perfbench, &Options::table, "FILE", "",
     "Configuration table to start from, instead of model_configs_<gpu>.csv."},

    {"num_gpus", "-ng", K::integer, G::layout, S::nemo_2504, &Request::num_gpus, "N", "", "GPUs in all."},
    {"tensor_parallel_size", "-tp", K::integer, G::layout, S::nemo_2504, &Request::tp, "N", "",
     "Tensor parallel size."},
    {"pipeline_parallel_size", "-pp", K::integer, G::layout, S::nemo_2504, &Request::pp, "N", "", "Pipeline stages."},
    {"context_parallel_size", "-cp", K::integer, G::layout, S::nemo_2504, &Request::cp, "N", "",
     "Context parallel size: parts of a sequence."},
    {"virtual_pipeline_parallel_size", "-vp", K::integer, G::layout, S::nemo_2504, &Request::vp, "N", "",
     "Model chunks of a pipeline stage."},
    {"expert_parallel_size", "-ep", K::integer, G::layout, S::nemo_2504, &Request::ep, "N", "",
     "Expert parallel size."},
    {"expert_tensor_parallel_size", "-et", K::optional_integer, G::layout, S::nemo_2504, &Request::etp, "N", "",
     "Tensor parallel size of the experts; without a value: the default."},
    {"moe_gate", "", K::text, G::layout, S::perfbench, &Request::moe_gate, "GATE", "",
     "Experts: who chooses those of a token. balanced: equal loads, no router; random: the router runs, and its logits "
     "are drawn anew; topk: the router. What the stack does unless given. verify: topk, or a safetensors file with "
     "choices and gate_weights, both (rows x seq_len, experts of a token); topk unless given."},
    {"gate_imbalance", "", K::number, G::layout, S::perfbench, &Request::gate_imbalance, "CV", "",
     "Experts, of a prediction: standard deviation over mean of their loads; 0 unless given."},
    {"moe_dispatcher", "", K::text, G::layout, S::perfbench, &Request::moe_dispatcher, "HOW",
     "all_to_all dedup all_gather",
     "Experts: how tokens reach them. all_to_all: a copy for each of its experts; dedup: one for each rank that has "
     "some of them; all_gather: all tokens to every rank. What the stack does unless given."},
    {"moe_capacity", "", K::number, G::layout, S::perfbench, &Request::moe_capacity, "FACTOR", "",
     "Experts: rows that each takes over those of equal loads; what is over is dropped, what is under is padded. What "
     "the stack does unless given."},
    {"ep_overlap", "", K::boolean, G::layout, S::perfbench, &Request::ep_overlap, "BOOL", "",
     "Experts: their all-to-all runs beside another microbatch's compute; off unless given."},
    {"use_mcore_fsdp", "-fsdp", K::boolean, G::layout, S::nemo_2504, &Request::fsdp, "BOOL", "",
     "Shard the parameters over the data parallel ranks."},

    {"fsdp_size", "", K::integer, G::layout, S::perfbench, &Request::fsdp_size, "N", "",
     "FSDP: ranks that share one copy of the parameters, consecutive ones of dp x cp, which it must divide; fewer than "
     "all: HSDP. dp x cp unless given."},
    {"fsdp_reshard", "", K::boolean, G::layout, S::perfbench, &Request::fsdp_reshard, "BOOL", "",
     "FSDP: drop gathered parameters after the forward pass and gather them again for the backward pass; what the "
     "stack "
     "does unless given."},
    {"defer_grad_sync", "", K::boolean, G::layout, S::perfbench, &Request::defer_grad_sync, "BOOL", "",
     "FSDP: keep whole gradients and reduce them after the last microbatch only; what the stack does unless given."},
    {"sequence_parallel", "", K::boolean, G::layout, S::perfbench, &Request::sequence_parallel, "BOOL", "",
     "Split activations between blocks over the tensor parallel ranks; what the stack does unless given."},

    {"global_batch_size", "-gb --gbs", K::integer, G::batch, S::nemo_2504, &Request::gbs, "N", "",
     "Samples of a global step."},
    {"micro_batch_size", "-mb --mbs", K::integer, G::batch, S::nemo_2504, &Request::mbs, "N", "",
     "Samples of a microbatch."},
    {"lbs", "", K::integer, G::batch, S::perfbench, &Request::lbs, "N", "",
     "Samples of a data parallel rank in one pipeline flush; gbs / dp unless given."},
    {"gradient_accumulation", "-ga", K::integer, G::batch, S::aws, &Request::ga, "N", "",
     "Sets gbs = mbs x dp x N; must agree with -gb where both are given."},
    {"seq_len", "", K::integer, G::batch, S::perfbench, &Request::seq_len, "N", "", "Tokens of a sample."},

    {"compute_dtype", "-c", K::text, G::precision, S::nemo_2504, &Request::dtype, "DTYPE",
     "fp32 bf16 fp8 fp8cs fp8ds mxfp8 nvfp4", "fp32, bf16 or fp8, or a precision: fp8cs, fp8ds, mxfp8, nvfp4."},
    {"fp8_recipe", "-fr", K::text, G::precision, S::nemo_2504, &Request::fp8_recipe, "NAME", "cs ds mxfp8 nvfp4 ss",
     "FP8 recipe: cs (current scaling), ds (delayed scaling), mxfp8, nvfp4, ss (subchannel scaling, later NeMo "
     "versions; "
     "unsupported here)."},
    {"keep_fsdp_fp8_transpose_cache", "", K::boolean, G::precision, S::nemo_2504,
     &Request::keep_fsdp_fp8_transpose_cache, "BOOL", "", "Keep the transposed FP8 weights between uses under FSDP."},

    {"param_dtype", "", K::text, G::precision, S::perfbench, &Request::param_dtype, "DTYPE", "f32 bf16",
     "Type in which parameters are kept; f32 with a narrower compute dtype: FSDP rounds its shares where it gathers "
     "them, without FSDP there are master copies. What the stack does unless given."},
    {"grad_dtype", "", K::text, G::precision, S::perfbench, &Request::grad_dtype, "DTYPE", "f32 bf16",
     "Type in which gradients are summed over microbatches and ranks; what the stack does unless given."},
    {"optimizer_state_dtype", "", K::text, G::precision, S::perfbench, &Request::optimizer_state_dtype, "DTYPE",
     "f32 bf16", "Type of the optimizer's two moments; what the stack does unless given."},

    {"recompute", "", K::text, G::memory, S::perfbench, &Request::recompute, "HOW", "none selective full",
     "Activations that are computed again in the backward pass, in place of -rl and -rm: none; full: every layer as a "
     "whole; selective: what the stack means by it, the core of attention, or all but attention and every second "
     "matrix product."},
    {"recompute_layers", "-rl", K::integer, G::memory, S::nemo_2504, &Request::recompute_layers, "N", "",
     "Layers whose activations are computed again in the backward pass."},
    {"activation_offload_layers", "-ol", K::integer, G::memory, S::nemo_2504, &Request::offload_layers, "N", "",
     "Layers whose activations wait in host memory."},
    {"recompute_modules", "-rm", K::list, G::memory, S::nemo_2504, &Request::recompute_modules, "NAME...", "",
     "Modules that are computed again in the backward pass."},
    {"cuda_graphs", "-cg", K::boolean, G::memory, S::nemo_2504, &Request::cuda_graphs, "BOOL", "",
     "Launch through CUDA graphs."},
    {"cuda_graph_modules", "", K::list, G::memory, S::perfbench, &Request::cuda_graph_modules, "NAME...", "",
     "CUDA graphs hold these parts of a layer, not all of it: attn, mlp, moe, moe_router, moe_preprocess."},
    {"use_user_buffer_registration", "-ubr", K::boolean, G::memory, S::nemo_later, &Request::user_buffers, "BOOL", "",
     "Register communication buffers with NCCL."},
    {"use_sharp", "-sharp", K::boolean, G::memory, S::nemo_later, &Request::sharp, "BOOL", "",
     "Reduce inside the network switches."},

    {"device", "", K::text, G::measuring, S::perfbench, &Options::device, "DEVICE", "cpu cuda",
     "Where --mode measure, --mode slice and calibrate run; cuda unless given; verify: cpu. cpu: each rank is a "
     "thread, and the system is cpu."},
    {"steps", "", K::integer, G::measuring, S::perfbench, &Options::steps, "N", "",
     "Global steps, warm-up included; 30 unless given, 6 of a slice. verify: steps to train."},
    {"warmup_steps", "--warmup", K::integer, G::measuring, S::perfbench, &Options::warmup_steps, "N", "",
     "First steps that don't count; 10 unless given, or a third of fewer than 30 steps. import: of a log; 10 unless "
     "given."},
    {"seed", "", K::integer, G::measuring, S::perfbench, &Options::seed, "N", "",
     "Of the initial weights and of the mock data; 1 unless given."},
    {"stage", "", K::text, G::measuring, S::perfbench, &Options::stage, "STAGE", "first middle last all",
     "--mode slice: the pipeline stage that is run; all unless given: the first, the middle and the last one."},
    {"slice_microbatches", "", K::integer, G::measuring, S::perfbench, &Options::slice_microbatches, "N", "",
     "--mode slice: microbatches of a step of a slice; 2 x pp, at least 4 and at most those of the job, unless given."},
    {"budget", "", K::integer, G::measuring, S::perfbench, &Options::budget, "SECONDS", "",
     "calibrate: how long kernels are timed; 120 unless given. What is left then is counted in the file."},
    {"leave_out", "", K::text, G::result, S::perfbench, &Options::leave_out, "WHAT", "row release system model",
     "accuracy: what is left out of a fit together: a row with its series (unless given), a release, a system, a "
     "model."},
    {"step_timeout_s", "", K::integer, G::measuring, S::perfbench, &Options::step_timeout_s, "SECONDS", "",
     "A step in which no rank begins an op for so long hangs: the row is of status timeout. 60 on GPUs and 600 on a "
     "CPU "
     "unless given. calibrate: of one kernel."},
    {"log_format", "", K::text, G::measuring, S::perfbench, &Options::log_format, "FORMAT", "nemo megatron none",
     "A line of each step before the row: NeMo's, or Megatron-LM's with that of Megatron-Bridge. nemo unless given. "
     "With --json, --csv or --markdown: on standard error, and none unless given."},

    {"json", "", K::on, G::result, S::perfbench, &Options::json, "", "", "Print one JSON object."},
    {"csv", "", K::on, G::result, S::perfbench, &Options::csv, "", "", "Print a CSV header and line."},
    {"markdown", "", K::on, G::result, S::perfbench, &Options::markdown, "", "", "Print a Markdown table."},
    {"out", "", K::text, G::result, S::perfbench, &Options::out, "DIR", "",
     "Also write rows.csv, rows.json and run.json there. Where NEMORUN_HOME is set, each run has a new folder in "
     "$NEMORUN_HOME/perfbench, and the link latest there names the last one; else nothing is written. sweep: its "
     "journal and results go there; $NEMORUN_HOME/perfbench-sweep is its default, always the same, so that it goes "
     "on."},
    {"output", "-o", K::text, G::result, S::perfbench, &Options::output, "FILE", "",
     "export, import: write the table there instead of printing it; calibrate: the file. import: rows of a log are "
     "JSON where FILE ends in "
     ".json."},
    {"format", "", K::text, G::result, S::perfbench, &Options::format, "FORMAT", "auto table log",
     "import: what FILE is; auto looks at it."},
    {"convention", "", K::text, G::result, S::perfbench, &Options::convention, "NAME", "",
     "import: whose closed form counts the FLOPs of the table: nemo_25.04, nemo_25.09, automodel."},
    {"id", "", K::text, G::result, S::perfbench, &Options::id, "NAME", "",
     "import: rows of a table are called NAME-01, NAME-02, ...; the file's name unless given."},
    {"keep_unknown", "", K::on, G::result, S::perfbench, &Options::keep_unknown, "", "",
     "import: keep columns whose heading is unknown as they are printed."},
    {"expect", "", K::text, G::result, S::perfbench, &Options::expect, "FILE", "",
     "verify: compare with these gradients and losses (safetensors), or with these norms and losses (.json, as --json "
     "prints them); exit 1 when one differs."},
    {"save_gradients", "", K::text, G::result, S::perfbench, &Options::save_gradients, "FILE", "",
     "verify: write the gradients there, F32 safetensors under Hugging Face's names."},
    {"save_weights", "", K::text, G::result, S::perfbench, &Options::save_weights, "FILE", "",
     "verify: write the weights after the last step there."},
    {"env_vars", "", K::text, G::result, S::perfbench, &Options::env_vars, "FILE", "",
     "env_vars.json: environment variables of the run, recorded with the result; values by a list of names that hold "
     "no "
     "secret. --mode measure, --mode slice and calibrate set them before LibTorch is loaded."},
    {"dryrun", "-d --dry-run", K::on, G::result, S::nemo_2504, &Options::dryrun, "", "",
     "Print what would be simulated, where each value came from, and the status that it would have; simulate "
     "nothing."},
    {"where", "", K::conditions, G::result, S::perfbench, &Options::where, "NAME=VALUE,...", "",
     "sweep, list, calibrate, accuracy: only the rows that agree with every name; of several values of one name, with "
     "one of them."},
    {"repeats", "", K::integer, G::result, S::perfbench, &Options::repeats, "N", "",
     "sweep: run each job N times; its row is the one with the median step time, and holds the times of all, so that "
     "diff "
     "knows how much they vary."},
    {"strict", "", K::on, G::result, S::perfbench, &Options::strict, "", "",
     "sweep: exit 1 when a row is not ok. diff: exit 1 for FASTER rows, too. audit: exit 1 for findings above info."},
    {"threshold", "", K::conditions, G::result, S::perfbench, &Options::threshold, "METRIC=PERCENT,...", "",
     "diff: the change that counts, for step_time_s, tokens_per_s_per_gpu, model_tflops_per_gpu or peak_memory_gib; 2 "
     "for simulated rows and 5 for others unless given."},
    {"junit", "", K::text, G::result, S::perfbench, &Options::junit, "FILE", "",
     "diff, audit: also write the verdicts or findings there as JUnit XML."},
    {"report", "", K::on, G::result, S::perfbench, &Options::report, "", "",
     "audit: print the FLOPs per token of each row that prints TFLOP/s, and how far they are off."},
    {"names", "", K::on, G::result, S::perfbench, &Options::names, "", "", "list: print the names alone."},
    {"version", "", K::on, G::result, S::perfbench, &Options::version, "", "",
     "Print the version, the commit, a digest of the data files and the environment that counts."},
    {"help", "-h", K::on, G::result, S::perfbench, &Options::help, "", "", "Print this text."},

    {"account", "-a", K::text, G::cluster, S::nemo_2504, &L::account, "NAME", "", "Slurm account."},
    {"partition", "-p", K::text, G::cluster, S::nemo_2504, &L::partition, "NAME", "", "Slurm partition."},
    {"container_image", "-i", K::text, G::cluster, S::nemo_2504, &L::container_image, "IMAGE", "", "Container image."},
    {"gpus_per_node", "-gn", K::integer, G::cluster, S::nemo_2504, &L::gpus_per_node, "N", "",
     "GPUs of a node; a prediction takes the system's own number."},
    {"max_steps", "-ms", K::integer, G::cluster, S::nemo_2504, &L::max_steps, "N", "",
     "Training steps; --mode measure: the same as --steps."},
    {"time_limit", "-t", K::text, G::cluster, S::nemo_2504, &L::time_limit, "TIME", "", "Time limit, HH:MM:SS."},
    {"log_dir", "-l", K::text, G::cluster, S::nemo_2504, &L::log_dir, "DIR", "", "Folder of the logs."},
    {"hf_token", "-hf", K::secret, G::cluster, S::nemo_2504, &L::hf_token, "TOKEN", "",
     "Hugging Face token; never printed or recorded."},
    {"enable_nsys", "-en", K::on, G::cluster, S::nemo_2504, &L::enable_nsys, "", "", "Profile with Nsight Systems."},
    {"enable_memory_profile", "-em", K::on, G::cluster, S::nemo_later, &L::enable_memory_profile, "", "",
     "Profile the device memory."},
    {"memory_profile_out_path", "-mp", K::text, G::cluster, S::nemo_later, &L::memory_profile_out_path, "FILE", "",
     "Where the memory profile goes."},
    {"tensorboard", "-tb", K::on, G::cluster, S::nemo_2504, &L::tensorboard, "", "", "Log to TensorBoard."},
    {"wandb", "-wd", K::on, G::cluster, S::nemo_2504, &L::wandb, "", "", "Log to Weights & Biases."},
    {"wandb_key", "-wdk", K::secret, G::cluster, S::nemo_2504, &L::wandb_key, "KEY", "",
     "Weights & Biases key; never printed or recorded."},
    {"wandb_prj_name", "-wdp", K::text, G::cluster, S::nemo_2504, &L::wandb_prj_name, "NAME", "",
     "Weights & Biases project."},
    {"wandb_job_name", "-wdj", K::text, G::cluster, S::nemo_2504, &L::wandb_job_name, "NAME", "",
     "Weights & Biases job."},
    {"nemo_home", "-nh", K::text, G::cluster, S::nemo_2504, &L::nemo_home, "DIR", "",
     "NeMo's folder of models and checkpoints."},
    {"custom_mounts", "-cm", K::list, G::cluster, S::nemo_2504, &L::custom_mounts, "MOUNT...", "",
     "Mounts of the container, separated by spaces or commas."},
    {"use_fsdp_double_buffer", "-fsdp_db", K::boolean, G::cluster, S::nemo_later, &L::use_fsdp_double_buffer, "BOOL",
     "", "Two buffers for FSDP's gathered weights."},
    {"enable_vboost", "-vb", K::boolean, G::cluster, S::nemo_later, &L::enable_vboost, "BOOL", "",
     "Give the tensor cores a larger share of the power."},
    {"dump_config_diff_from_base_recipe", "-dcdfr", K::on, G::cluster, S::nemo_2504,
     &L::dump_config_diff_from_base_recipe, "", "", "Print how the recipe differs from its base."},
    {"use_hf_tokenizer", "", K::on, G::cluster, S::nemo_2504, &L::use_hf_tokenizer, "", "",
     "Use the Hugging Face tokenizer."},
    {"nccl_communicator_config_path", "", K::text, G::cluster, S::nemo_2504, &L::nccl_communicator_config_path, "FILE",
     "", "NCCL communicator settings."},
    {"additional_slurm_params", "", K::text, G::cluster, S::nemo_later, &L::additional_slurm_params, "TEXT", "",
     "Further Slurm parameters: 'key=value;key'."},
    {"detach", "", K::on, G::cluster, S::nemo_later, &L::detach, "", "", "Return once the job is submitted."},
};

std::string bare(std::string_view spelling) {
  std::string text(spelling.substr(std::min(spelling.find_first_not_of('-'), spelling.size())));
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

bool has_alias(const Flag& flag, std::string_view wanted) {
  for (std::string_view rest = flag.aliases; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (bare(rest.substr(0, end)) == wanted) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace

std::span<const Flag> flags() { return kFlags; }

std::string_view field_of(const Flag& flag) {
  std::string_view field = flag.name;
  for_each_field([&](std::string_view name, auto member) {
    const auto* target = std::get_if<decltype(member)>(&flag.target);
    if (target != nullptr && *target == member) field = name;
  });
  return field;
}

const Flag* find_flag(std::string_view spelling) {
  if (!spelling.starts_with('-') || spelling.starts_with("---")) return nullptr;
  const std::string wanted = bare(spelling);
  const auto found = std::find_if(std::begin(kFlags), std::end(kFlags),
                                  [&](const Flag& flag) { return flag.name == wanted || has_alias(flag, wanted); });
  return wanted.empty() || found == std::end(kFlags) ? nullptr : found;
}

std::vector<std::string> flag_spellings() {
  std::vector<std::string> spellings;
  for (const Flag& flag : kFlags) {
    for (std::string& alias : split(flag.aliases, ' '))
      if (!alias.empty()) spellings.push_back(std::move(alias));
    spellings.push_back("--" + std::string(flag.name));
  }
  return spellings;
}

std::string_view title(FlagGroup group) {
  switch (group) {
    case FlagGroup::question:
      return "What is asked";
    case FlagGroup::layout:
      return "GPUs and layout";
    case FlagGroup::batch:
      return "Batch";
    case FlagGroup::precision:
      return "Precision";
    case FlagGroup::memory:
      return "Memory and overlap";
    case FlagGroup::measuring:
      return "Measuring";
    case FlagGroup::result:
      return "Result";
    case FlagGroup::cluster:
      return "Cluster: kept for a launcher, without effect here; a note of the row names those given";
  }
  return "";
}

std::string_view title(FlagSource source) {
  switch (source) {
    case FlagSource::perfbench:
      return "";
    case FlagSource::nemo_2504:
      return "NeMo";
    case FlagSource::nemo_later:
      return "NeMo, later";
    case FlagSource::aws:
      return "AWS";
  }
  return "";
}

}  // namespace perfbench
