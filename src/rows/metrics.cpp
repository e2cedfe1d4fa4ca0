#include "rows/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/table.h"
#include "base/text.h"
#include "rows/show.h"
#include "rows/value.h"

namespace perfbench {
namespace {

template <auto field>
Json get(const Row& row) {
  return value_of(row.*field);
}

template <auto field>
std::string set(Row& row, const Json& value) {
  return assign(row.*field, value);
}

std::string set_convention(Row& row, const Json& value) {
  FlopsConvention convention{};
  std::string rule = assign(convention, value);
  if (rule.empty() && !value.is_null()) row.flops_convention = name(convention);
  return rule;
}

std::string show_mfu(const Row& row) { return row.mfu ? show_percent(*row.mfu) : "-"; }

std::string show_ratio_to_published(const Row& row) { return show_ratio(row.ratio_to_published); }

// "q_proj/v_proj", as a flag has it.
template <auto field>
std::string show_words(const Row& row) {
  return (row.*field).empty() ? "-" : join(row.*field, "/");
}

template <auto field>
std::string show_double(const Row& row) {
  return row.*field ? format_double(*(row.*field)) : "-";
}

std::string show_published(const Row& row) {
  if (!row.published || !row.published->tokens_per_s_per_gpu) return "-";
  return show_quantity(*row.published->tokens_per_s_per_gpu);
}

using enum MetricType;
using enum MetricGroup;
using enum TableUse;

// Fields: name, heading, unit, type, group, tables, sentence, get, set, show.
constexpr std::array kMetrics{
    Metric{"schema_version", "Schema Version", "", integer, outcome, none,
           "Version of these columns; rows of different versions are not compared.", get<&Row::schema_version>,
           set<&Row::schema_version>, nullptr},
    Metric{"method", "Method", "", text, outcome, everywhere,
           "How the numbers were got: measured, slice, simulated or published.", get<&Row::method>, set<&Row::method>,
           nullptr},
    Metric{"status", "Status", "", text, outcome, everywhere,
           "What came of it: ok, oom, unsupported, failed, timeout or interrupted.", get<&Row::status>,
           set<&Row::status>, nullptr},
    Metric{"model", "Model", "", text, asked, everywhere, "The model's name or the path of its config.json.",
           get<&Row::model>, set<&Row::model>, nullptr},
    Metric{"system", "System", "", text, asked, everywhere, "The GPU system, or cpu.", get<&Row::system>,
           set<&Row::system>, nullptr},
    Metric{"task", "Task", "", text, asked, everywhere, "pretrain, sft or lora.", get<&Row::task>, set<&Row::task>,
           nullptr},
    Metric{"precision", "Precision", "", text, asked, everywhere, "fp32, bf16, fp8cs, fp8ds, mxfp8 or nvfp4.",
           get<&Row::precision>, set<&Row::precision>, nullptr},
    Metric{"stack", "Stack", "", text, asked, markdown, "Whose software the step stands for.", get<&Row::stack>,
           set<&Row::stack>, nullptr},
    Metric{"num_gpus", "#-GPUs", "GPUs", integer, asked, everywhere, "GPUs of the whole job.", get<&Row::num_gpus>,
           set<&Row::num_gpus>, nullptr},
    Metric{"gbs", "GBS", "samples", integer, asked, everywhere, "Global batch size: samples per global step.",
           get<&Row::gbs>, set<&Row::gbs>, nullptr},
    Metric{"mbs", "MBS", "samples", integer, asked, everywhere, "Micro batch size: samples per microbatch.",
           get<&Row::mbs>, set<&Row::mbs>, nullptr},
    Metric{"lbs", "LBS", "samples", integer, asked, markdown,
           "Local batch size: samples per data-parallel rank and pipeline flush.", get<&Row::lbs>, set<&Row::lbs>,
           nullptr},
    Metric{"seq_len", "Sequence Length", "tokens", integer, asked, everywhere,
           "Tokens per sample; the packed length where samples are packed.", get<&Row::seq_len>, set<&Row::seq_len>,
           nullptr},
    Metric{"fsdp", "FSDP", "", boolean, asked, markdown, "Whether parameters are sharded over the data-parallel ranks.",
           get<&Row::fsdp>, set<&Row::fsdp>, nullptr},
    Metric{"fsdp_size", "FSDP Size", "GPUs", integer, asked, markdown,
           "GPUs that share one copy of the parameters; null where nothing is sharded.", get<&Row::fsdp_size>,
           set<&Row::fsdp_size>, nullptr},
    Metric{"fsdp_reshard", "FSDP Reshard", "", boolean, asked, markdown,
           "Whether gathered parameters are dropped after the forward pass and gathered again; null where nothing is "
           "sharded.",
           get<&Row::fsdp_reshard>, set<&Row::fsdp_reshard>, nullptr},
    Metric{"defer_grad_sync", "Defer Grad Sync", "", boolean, asked, markdown,
           "Whether sharded gradients are reduced after the last microbatch only; null where nothing is sharded.",
           get<&Row::defer_grad_sync>, set<&Row::defer_grad_sync>, nullptr},
    Metric{"sequence_parallel", "Sequence Parallel", "", boolean, asked, markdown,
           "Whether activations between blocks are split over tp.", get<&Row::sequence_parallel>,
           set<&Row::sequence_parallel>, nullptr},
    Metric{"param_dtype", "Param Dtype", "", text, asked, markdown, "Type in which parameters are kept: f32 or bf16.",
           get<&Row::param_dtype>, set<&Row::param_dtype>, nullptr},
    Metric{"grad_dtype", "Grad Dtype", "", text, asked, markdown,
           "Type in which gradients are summed over microbatches and ranks: f32 or bf16.", get<&Row::grad_dtype>,
           set<&Row::grad_dtype>, nullptr},
    Metric{"optimizer_state_dtype", "Optimizer State Dtype", "", text, asked, markdown,
           "Type of the optimizer's two moments: f32 or bf16.", get<&Row::optimizer_state_dtype>,
           set<&Row::optimizer_state_dtype>, nullptr},
    Metric{"tp", "TP", "GPUs", integer, asked, everywhere, "Tensor-parallel size.", get<&Row::tp>, set<&Row::tp>,
           nullptr},
    Metric{"pp", "PP", "GPUs", integer, asked, everywhere, "Pipeline-parallel size: the number of stages.",
           get<&Row::pp>, set<&Row::pp>, nullptr},
    Metric{"cp", "CP", "GPUs", integer, asked, everywhere, "Context-parallel size.", get<&Row::cp>, set<&Row::cp>,
           nullptr},
    Metric{"vp", "VP", "chunks", integer, asked, everywhere, "Virtual-pipeline size: model chunks per stage.",
           get<&Row::vp>, set<&Row::vp>, nullptr},
    Metric{"ep", "EP", "GPUs", integer, asked, everywhere, "Expert-parallel size.", get<&Row::ep>, set<&Row::ep>,
           nullptr},
    Metric{"etp", "ETP", "GPUs", integer, asked, markdown, "Tensor-parallel size of the experts.", get<&Row::etp>,
           set<&Row::etp>, nullptr},
    Metric{"dp", "DP", "GPUs", integer, asked, markdown, "Data-parallel size: num_gpus / (tp * pp * cp).",
           get<&Row::dp>, set<&Row::dp>, nullptr},
    Metric{"ga", "GA", "", integer, asked, markdown, "Gradient accumulation steps, counted as the stack prints them.",
           get<&Row::ga>, set<&Row::ga>, nullptr},
    Metric{"cuda_graphs", "CUDA Graphs", "", boolean, asked, markdown, "Whether kernels are launched as CUDA graphs.",
           get<&Row::cuda_graphs>, set<&Row::cuda_graphs>, nullptr},
    Metric{"recompute", "Recompute", "", text, asked, markdown,
           "What is computed again: none, full (whole layers) or selective (parts of every layer, or, where "
           "recompute_modules is empty, single ops).",
           get<&Row::recompute>, set<&Row::recompute>, nullptr},
    Metric{"recompute_layers", "Recompute Layers", "layers", integer, asked, markdown,
           "Layers of each pipeline chunk that are computed again as a whole; 0 is none.", get<&Row::recompute_layers>,
           set<&Row::recompute_layers>, nullptr},
    Metric{"recompute_modules", "Recompute Modules", "", list, asked, markdown,
           "Parts of every layer that are computed again.", get<&Row::recompute_modules>, set<&Row::recompute_modules>,
           show_words<&Row::recompute_modules>},
    Metric{"offload_layers", "Offload Layers", "layers", integer, asked, markdown,
           "Layers whose activations wait in host memory; 0 is none.", get<&Row::offload_layers>,
           set<&Row::offload_layers>, nullptr},
    Metric{"packed", "Packed", "", boolean, asked, markdown,
           "Whether samples are packs of shorter sequences that do not see each other.", get<&Row::packed>,
           set<&Row::packed>, nullptr},
    Metric{"lora_rank", "LoRA Rank", "", integer, asked, markdown, "Rank of the adapters; null for other tasks.",
           get<&Row::lora_rank>, set<&Row::lora_rank>, nullptr},
    Metric{"lora_alpha", "LoRA Alpha", "", number, asked, markdown,
           "An adapter is multiplied by lora_alpha / lora_rank; null for other tasks.", get<&Row::lora_alpha>,
           set<&Row::lora_alpha>, show_double<&Row::lora_alpha>},
    Metric{"lora_targets", "LoRA Targets", "", list, asked, markdown,
           "The linear layers that have an adapter; qkv_proj is one for q, k and v together.", get<&Row::lora_targets>,
           set<&Row::lora_targets>, show_words<&Row::lora_targets>},
    Metric{"moe_gate", "MoE Gate", "", text, asked, markdown,
           "Who chooses a token's experts: balanced, topk, random or given; null where the model has no experts.",
           get<&Row::moe_gate>, set<&Row::moe_gate>, nullptr},
    Metric{"gate_imbalance", "Gate Imbalance", "share", number, asked, markdown,
           "Standard deviation over mean of the experts' loads that is predicted for; null where the model has no "
           "experts.",
           get<&Row::gate_imbalance>, set<&Row::gate_imbalance>, show_double<&Row::gate_imbalance>},
    Metric{"moe_dispatcher", "MoE Dispatcher", "", text, asked, markdown,
           "How tokens reach their experts: all_to_all, dedup or all_gather; null where the model has no experts.",
           get<&Row::moe_dispatcher>, set<&Row::moe_dispatcher>, nullptr},
    Metric{"moe_capacity", "MoE Capacity", "share", number, asked, markdown,
           "Rows that an expert takes over those of a balanced gate, the rest dropped; 0: no token is; null where the "
           "model has no experts.",
           get<&Row::moe_capacity>, set<&Row::moe_capacity>, show_double<&Row::moe_capacity>},
    Metric{"ep_overlap", "EP Overlap", "", boolean, asked, markdown,
           "Whether the experts' all-to-all runs beside another microbatch's compute; null where the model has no "
           "experts.",
           get<&Row::ep_overlap>, set<&Row::ep_overlap>, nullptr},
    Metric{"cuda_graph_modules", "CUDA Graph Modules", "", list, asked, markdown,
           "Parts of a layer that CUDA graphs hold; empty with cuda_graphs: whole layers.",
           get<&Row::cuda_graph_modules>, set<&Row::cuda_graph_modules>, show_words<&Row::cuda_graph_modules>},
    Metric{"step_time_s", "Time per Global Step (s)", "s", number, result, everywhere,
           "Wall time of one global step: forward, backward and optimizer of gbs samples.", get<&Row::step_time_s>,
           set<&Row::step_time_s>, nullptr},
    Metric{
        "step_time_low_s", "Time per Global Step, low (s)", "s", number, result, none,
        "A simulated row's likely range begins here: one published row in ten is faster, relative to its prediction.",
        get<&Row::step_time_low_s>, set<&Row::step_time_low_s>, nullptr},
    Metric{"step_time_high_s", "Time per Global Step, high (s)", "s", number, result, none,
           "A simulated row's likely range ends here: one published row in ten is slower, relative to its prediction.",
           get<&Row::step_time_high_s>, set<&Row::step_time_high_s>, nullptr},
    Metric{"tokens_per_s_per_gpu", "Tokens / sec / GPU", "tokens/s", number, result, everywhere,
           "Tokens trained per second and GPU; the figure to compare rows by.", get<&Row::tokens_per_s_per_gpu>,
           set<&Row::tokens_per_s_per_gpu>, nullptr},
    Metric{"samples_per_s", "Samples / sec", "samples/s", number, result, markdown,
           "Samples trained per second by all GPUs together.", get<&Row::samples_per_s>, set<&Row::samples_per_s>,
           nullptr},
    Metric{"model_tflops_per_gpu", "Model TFLOP / sec / GPU", "TFLOP/s", number, result, everywhere,
           "Model FLOPs per second and GPU under flops_convention.", get<&Row::model_tflops_per_gpu>,
           set<&Row::model_tflops_per_gpu>, nullptr},
    Metric{"flops_convention", "FLOP Convention", "", text, result, markdown,
           "Whose closed form counts the model FLOPs; null where it has none for the model and task.",
           get<&Row::flops_convention>, set_convention, nullptr},
    Metric{"mfu", "MFU", "share", number, result, everywhere,
           "Model FLOPs utilization: model_tflops_per_gpu / peak_tflops, 0 to 1; tables for people print percent.",
           get<&Row::mfu>, set<&Row::mfu>, show_mfu},
    Metric{"peak_tflops", "Peak TFLOP / sec / GPU", "TFLOP/s", number, result, markdown,
           "The data sheet's dense peak of one GPU for the precision: what mfu divides by.", get<&Row::peak_tflops>,
           set<&Row::peak_tflops>, nullptr},
    Metric{"peak_memory_gib", "Peak Memory (GiB)", "GiB", number, result, everywhere,
           "Peak device memory of the fullest pipeline stage.", get<&Row::peak_memory_gib>, set<&Row::peak_memory_gib>,
           nullptr},
    Metric{"memory_headroom_gib", "Memory Headroom (GiB)", "GiB", number, result, markdown,
           "What the predicted peak leaves of the GPU's memory, below 0 for oom; null where nothing was predicted.",
           get<&Row::memory_headroom_gib>, set<&Row::memory_headroom_gib>, nullptr},
    Metric{"predicted_peak_memory_gib", "Predicted Peak Memory (GiB)", "GiB", number, result, markdown,
           "The plan's peak_memory_gib of a measured row, without what a system reserves; null for other rows.",
           get<&Row::predicted_peak_memory_gib>, set<&Row::predicted_peak_memory_gib>, nullptr},
    Metric{"measured_s", "Measured (s)", "s", number, result, markdown,
           "Part of step_time_s that is times of measured kernels, of a slice or a calibration; null where none were.",
           get<&Row::measured_s>, set<&Row::measured_s>, nullptr},
    Metric{"modelled_s", "Modelled (s)", "s", number, result, markdown,
           "The rest of step_time_s: communication, waiting and the kernels that were not measured.",
           get<&Row::modelled_s>, set<&Row::modelled_s>, nullptr},
    Metric{"step_time_mad_s", "Step Time MAD (s)", "s", number, result, markdown,
           "Median absolute deviation of samples_s from their median, not scaled.", get<&Row::step_time_mad_s>,
           set<&Row::step_time_mad_s>, nullptr},
    Metric{"step_time_cv", "Step Time CV", "share", number, result, markdown,
           "Coefficient of variation of samples_s: sample standard deviation over mean.", get<&Row::step_time_cv>,
           set<&Row::step_time_cv>, nullptr},
    Metric{"rank_spread", "Rank Spread", "", number, result, markdown,
           "Median step time of the slowest rank over that of the fastest; 1 means all alike.", get<&Row::rank_spread>,
           set<&Row::rank_spread>, nullptr},
    Metric{"window", "Window", "", text, result, markdown,
           "Which steps were timed, of how many; null where nothing was timed.", get<&Row::window>, set<&Row::window>,
           nullptr},
    Metric{"loss_ok", "Loss OK", "", boolean, result, markdown,
           "Whether the loss of every measured step was finite; diff compares no row of which it is false.",
           get<&Row::loss_ok>, set<&Row::loss_ok>, nullptr},
    Metric{"throttled", "Throttled", "", boolean, result, markdown,
           "Whether heat, a fault or a lowered power limit held back the clock of a GPU in any reading of the window; "
           "null where it is not known.",
           get<&Row::throttled>, set<&Row::throttled>, nullptr},
    Metric{"sm_clock_mhz", "SM Clock (MHz)", "MHz", number, result, markdown,
           "Median clock of the multiprocessors in the window, of the GPU where it is lowest.", get<&Row::sm_clock_mhz>,
           set<&Row::sm_clock_mhz>, nullptr},
    Metric{"power_w", "Power (W)", "W", number, result, markdown, "Mean power of a GPU in the window, over all GPUs.",
           get<&Row::power_w>, set<&Row::power_w>, nullptr},
    Metric{"temperature_c", "Temperature (C)", "C", number, result, markdown,
           "Highest temperature of any GPU in the window.", get<&Row::temperature_c>, set<&Row::temperature_c>,
           nullptr},
    Metric{"samples_s", "Samples (s)", "s", list, detail, none,
           "Measured times of the steps of the window, in order; the time of a step is that of its slowest rank.",
           get<&Row::samples_s>, set<&Row::samples_s>, nullptr},
    Metric{"repeats_s", "Repeats (s)", "s", list, detail, none,
           "step_time_s of every repeat of a row that was repeated, in order; the row is the median one.",
           get<&Row::repeats_s>, set<&Row::repeats_s>, nullptr},
    Metric{"breakdown", "Breakdown", "s", object, detail, none,
           "Seconds of the step by part; the parts add up to step_time_s.", get<&Row::breakdown>, set<&Row::breakdown>,
           nullptr},
    Metric{"memory", "Memory by Stage", "GiB", list, detail, none,
           "Peak memory by pipeline stage and category: objects of stage, category and gib.", get<&Row::memory>,
           set<&Row::memory>, nullptr},
    Metric{"predicted_memory", "Predicted Memory by Stage", "GiB", list, detail, none,
           "The plan's memory of a measured row, in the same form; empty for other rows.", get<&Row::predicted_memory>,
           set<&Row::predicted_memory>, nullptr},
    Metric{"feature", "Feature", "", text, outcome, markdown,
           "What an unsupported row lacks, what does not fit for oom, where a timeout came, which signal interrupted "
           "the run.",
           get<&Row::feature>, set<&Row::feature>, nullptr},
    Metric{"reason", "Reason", "", text, outcome, none, "Why the status is not ok, in one sentence.", get<&Row::reason>,
           set<&Row::reason>, nullptr},
    Metric{
        "fits_with", "Fits With", "", object, outcome, none,
        "Of an oom row the smallest change of those tried that fits: flags, peak_memory_gib, step_time_s; else null.",
        get<&Row::fits_with>, set<&Row::fits_with>, nullptr},
    Metric{"published", "Published Tokens / sec / GPU", "", object, detail, everywhere,
           "The published row that did exactly this work, under the same keys, null where it was not printed; tables "
           "for people print its tokens per second and GPU.",
           get<&Row::published>, set<&Row::published>, show_published},
    Metric{"ratio_to_published", "Ratio to Published", "share", number, result, everywhere,
           "tokens_per_s_per_gpu of this row over that of the published row.", get<&Row::ratio_to_published>,
           set<&Row::ratio_to_published>, show_ratio_to_published},
    Metric{"origins", "Origins", "", object, detail, none,
           "Where each value that was asked for came from, by its name here: a flag, a file and line, or a rule.",
           get<&Row::origins>, set<&Row::origins>, nullptr},
    Metric{"notes", "Notes", "", list, detail, none,
           "What the reader should know: a borrowed constant, a number that the data sheet does not give.",
           get<&Row::notes>, set<&Row::notes>, nullptr},
    Metric{"row", "Row", "", text, detail, none, "Which row of the configuration table was taken, and why.",
           get<&Row::row_choice>, set<&Row::row_choice>, nullptr},
    Metric{"run", "Run", "", text, detail, markdown,
           "The id of the run, the same in every file of its result: 12 hex digits of its rows; null in a baseline.",
           get<&Row::run>, set<&Row::run>, nullptr},
};

}  // namespace

std::span<const Metric> metrics() { return kMetrics; }

const Metric* find_metric(std::string_view name) {
  const auto found = std::find_if(kMetrics.begin(), kMetrics.end(), [&](const Metric& m) { return m.name == name; });
  return found == kMetrics.end() ? nullptr : &*found;
}

// What an empty Row has can't be told from a blank cell later on.
bool is_required(const Metric& metric) {
  const bool may_be_empty = metric.type == MetricType::object || metric.type == MetricType::list;
  return !may_be_empty && !metric.get(Row{}).is_null();
}

std::string convention_rule(const Row& row) {
  const bool is_told = !row.model_tflops_per_gpu || !row.flops_convention.empty();
  return is_told ? "" : "must not be empty beside model_tflops_per_gpu";
}

std::string show(const Metric& metric, const Row& row) {
  return metric.show ? metric.show(row) : show_value(metric.get(row));
}

std::string metrics_markdown() {
  TextTable table{.header = {"Name", "Heading", "Unit", "Type", "Meaning"}, .rows = {}, .right_aligned = {}};
  for (const Metric& metric : metrics())
    table.rows.push_back({"`" + std::string(metric.name) + "`", std::string(metric.heading), std::string(metric.unit),
                          std::string(name(metric.type)), std::string(metric.sentence)});
  return to_markdown(table);
}

}  // namespace perfbench
