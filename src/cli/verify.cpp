// perfbench verify DIR: one global step of a Hugging Face model folder, for comparison with another implementation.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/host_memory.h"
#include "cli/commands.h"
#include "cli/measure_flags.h"
#include "cli/output.h"
#include "engine/engine.h"
#include "engine/weights/safetensors.h"
#include "models/programs.h"
#include "parity/expect.h"
#include "parity/gate.h"
#include "parity/input.h"
#include "parity/result.h"
#include "parity/tolerance.h"
#include "parity/weights.h"
#include "runners/machine_check.h"
#include "runners/machine_fit.h"
#include "sim/memory.h"

namespace perfbench {
namespace {

// The engine runs on the CPU unless a GPU is asked for.
SessionSettings session_settings(const Options& options) {
  SessionSettings settings;
  settings.device = options.device.value_or(Device::cpu);
  settings.timeout_s = step_timeout_s(options, settings.device);
  return settings;
}

// With the choices of the file that --moe_gate names.
Batch gated_batch(const VerifyFolder& folder, const Job& job, const Request& request) {
  Batch batch = verify_batch(folder, job.model.vocab);
  if (job.gate != Gate::given) return batch;
  GivenGate gate = read_gate(*request.moe_gate, folder.rows * folder.seq_len, *find_mlp<Moe>(job.model));
  batch.choices = std::move(gate.choices);
  batch.gate_weights = std::move(gate.weights);
  return batch;
}

// Throws before anything is allocated.
void require_room(const Job& job, const Plan& plan, Device device) {
  const std::vector<StageMemoryBytes> stages = replay_memory(plan);
  if (device == Device::cuda) {
    const EngineReport report = engine_report();
    require_machine(report, job.num_gpus);
    const auto devices = std::span(report.devices).first(static_cast<std::size_t>(job.num_gpus));
    if (const std::string why = why_it_does_not_fit(stages, devices); !why.empty())
      throw EnvironmentError("device memory", why, "more GPUs, or --device cpu");
    return;
  }
  if (const std::string why = why_it_does_not_fit(stages, plan.mesh.stage_ranks(), available_memory_bytes());
      !why.empty())
    throw InputError("verify", why, "use fewer ranks, or a machine with more memory");
}

VerifyResult run_steps(Session& session, const Batch& batch, std::int64_t num_steps) {
  VerifyResult result;
  result.step = session.step(batch, StepKind::forward_backward);
  result.gradients = session.gradients();
  for (std::int64_t i = 0; i < num_steps; ++i) result.losses.push_back(session.step(batch, StepKind::train).loss);
  return result;
}

// Says with the exit status what the printed result says.
void require_right(const VerifyResult& result) {
  if (const std::string what = result.not_finite(); !what.empty())
    throw RunError("verify", fmt::format("{} is not a finite number", what));
  if (!result.comparison || result.comparison->agrees()) return;
  const Comparison& comparison = *result.comparison;
  const Deviation& worst = comparison.worst();
  const auto count = std::count_if(comparison.deviations.begin(), comparison.deviations.end(),
                                   [](const Deviation& d) { return !d.agrees(); });
  throw Error(ExitCode::regression,
              {{worst.what,
                fmt::format("differs from {} by {:.3g}, where {:.3g} is allowed; {} of {} comparisons differ",
                            comparison.file, worst.difference, worst.allowed, count, comparison.deviations.size()),
                ""}});
}

}  // namespace

ExitCode run_verify(const CommandLine& line) {
  const Catalog catalog = Catalog::find();
  const std::int64_t num_steps = line.options.steps.value_or(0);
  std::optional<Expected> expected;
  if (line.options.expect) expected = read_expected(*line.options.expect);
  if (line.options.save_gradients) require_writable_file(*line.options.save_gradients);
  if (line.options.save_weights) require_writable_file(*line.options.save_weights);
  const VerifyFolder folder = read_verify_folder(line.words.front());
  const Job job = verify_job(line.request, catalog, folder);
  const Batch batch = gated_batch(folder, job, line.request);
  const Plan plan = build_plan(job);

  const SessionSettings settings = session_settings(line.options);
  require_room(job, plan, settings.device);
  const std::unique_ptr<Session> session = open_session(plan, settings);
  const std::vector<HostTensor> parameters = session->parameters();
  const std::vector<StoredTensor> weights = weights_of(folder, job);
  check_weights(weights, parameters, job.model);
  if (expected) check_expected(*expected, session->trainable_parameters(), static_cast<std::size_t>(num_steps));
  session->load(weight_reader(weights));

  VerifyResult result = run_steps(*session, batch, num_steps);
  if (expected)
    result.comparison = compare(*expected, result.step, result.losses, result.gradients, tolerance_of(job.precision));
  if (line.options.save_gradients) write_safetensors(*line.options.save_gradients, result.gradients);
  if (line.options.save_weights) write_safetensors(*line.options.save_weights, session->weights());
  print(line.options.json ? verify_json(job, result) : verify_text(job, result));
  require_right(result);
  return ExitCode::ok;
}

}  // namespace perfbench
