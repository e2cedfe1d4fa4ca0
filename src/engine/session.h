// The ranks of a plan on the devices of this machine, ready to run global steps. Implemented by the engine library
// (src/engine/torch); this header knows neither LibTorch nor CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "engine/device.h"
#include "job/job.h"
#include "program/plan.h"
#include "program/traffic.h"

namespace perfbench {

// A whole tensor in this process's memory, row-major, under its Hugging Face name.
struct HostTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

// One global batch: gbs x seq_len numbers each, sample by sample. A target of -100 is ignored; target i is the token
// that should follow token i of the same sample.
struct Batch {
  std::vector<std::int64_t> tokens{}, targets{};
  std::vector<std::int64_t> starts{};  // where in its sample each token's sub-sequence starts; empty: nothing is packed
  // Of Gate::given, for every layer alike: the k experts of each token, and what each of them counts.
  std::vector<std::int64_t> choices{};
  std::vector<float> gate_weights{};
};

inline constexpr std::int64_t kIgnoredTarget = -100;

// AdamW as torch.optim.AdamW has it, with its defaults, on every parameter.
struct OptimizerSettings {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
};

class RankNotes;  // rank_notes.h

struct SessionSettings {
  Device device = Device::cpu;
  std::uint64_t seed = 1;       // of the initial weights
  double timeout_s = 600;       // of one collective or transfer; a step in which no rank begins an op for longer hangs
  double open_timeout_s = 600;  // the same while the session opens: NCCL's rendezvous
  bool rendezvous = false;      // sends wait for their receives, as NCCL's do: shows deadlocks
  // One rank of this stage runs alone: what it would receive, gather or reduce are buffers of the right shape. Losses
  // and gradients then mean nothing; times of kernels and memory do.
  std::optional<int> slice_stage{};
  bool time_ops = false;        // op_seconds() is wanted
  bool forbid_waiting = false;  // on CUDA: an op of a step that waits for the device fails
  OptimizerSettings optimizer{};
  std::shared_ptr<RankNotes> notes{};  // where ranks note what they do; null: nobody wants to know
};

struct RankReport {
  int stage = 0, tp = 0, cp = 0, dp = 0;  // coordinates
  double seconds = 0.0;                   // of the step, from a common start
  std::int64_t state_bytes = 0;           // parameters, their casts, main gradients, optimizer states
  std::int64_t peak_value_bytes = 0;   // most bytes of live values during the step, counted from the tensors themselves
  RankTraffic traffic{};               // of the step
  std::int64_t device_peak_bytes = 0;  // most that the device's allocator had given out, states included; 0 on a CPU
};

// The places of a RunError that says that the device's or the host's memory ran out.
inline constexpr const char* kDeviceMemory = "device memory";
inline constexpr const char* kHostMemory = "host memory";

enum class ProgramPhase : std::uint8_t { forward, backward, optimizer };

// One node of a chunk's Program, timed: a sample for each time it ran in the step, in order.
struct OpSeconds {
  int stage = 0, chunk = 0;
  ProgramPhase phase = ProgramPhase::forward;
  std::size_t node = 0;  // its index in the phase
  std::vector<double> seconds{};
};

struct StepReport {
  double loss = 0.0;                   // mean over the targets of the global batch
  double grad_norm = 0.0;              // of all gradients of the global batch
  double seconds = 0.0;                // of the slowest rank
  std::vector<RankReport> ranks;       // in the order of the world
  std::vector<std::string> remarks{};  // what whoever reads the times should know, each once
};

enum class StepKind : std::uint8_t { forward_backward, train };

class Session {
 public:
  virtual ~Session() = default;

  // Names, dtypes and shapes of the model's parameters as the Hugging Face model has them; data is empty.
  virtual std::vector<HostTensor> parameters() const = 0;
  virtual std::vector<HostTensor> trainable_parameters() const = 0;  // those that have gradients, in the same order
  // Replaces the initial weights by `read(name)`, which must return the whole tensor; the optimizer starts anew.
  virtual void load(const std::function<HostTensor(const std::string& name)>& read) = 0;
  // Runs one global step on all ranks. `forward_backward` leaves weights as they are and the gradients to be read. A
  // rank that fails ends the step for all: RunError with the first reason. One that hangs is a TimeoutError.
  virtual StepReport step(const Batch& batch, StepKind kind) = 0;
  // Gradients of the last step, whole, float32, by Hugging Face name, in the order of trainable_parameters().
  virtual std::vector<HostTensor> gradients() = 0;
  // Of the first rank of each stage in the last step, where SessionSettings::time_ops asked for it. On CUDA between
  // events on the op's stream.
  virtual std::vector<OpSeconds> op_seconds() const = 0;
  virtual std::vector<HostTensor>
  weights() = 0;  // whole, in the dtype of the parameters; of the master copies where there are
};

// Loads the engine library beside the executable and opens a session. Throws EnvironmentError (exit 4) when the
// library, LibTorch or the device is missing or is of another version, and Unsupported when the engine lacks a feature
// of the plan. Allocates all states: whoever asks has checked that they fit. The session is a watched one
// (watched_session.h): ranks that hang do not hang the caller.
std::unique_ptr<Session> open_session(const Plan& plan, const SessionSettings& settings);
std::unique_ptr<Session> open_session(const std::filesystem::path& library, const Plan& plan,
                                      const SessionSettings& settings);

}  // namespace perfbench
