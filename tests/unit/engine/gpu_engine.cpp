// An engine of a machine with GPUs that computes nothing, so that all around it is tested where there are none.
// FAKE_GPUS="NVIDIA H200,NVIDIA H200" are its devices (at most two), FAKE_GPU_GIB their memory, FAKE_NCCL=0 takes NCCL
// away. FAKE_FAULT is what happens in the third step, or with the third op that is timed: "oom", "bad_alloc", "hang",
// "SIGINT", "SIGTERM", "SIGINT twice"; "hang in close": when the session ends. A step takes 0.25 s by its own account.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <deque>
#include <map>
#include <new>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "engine/abi.h"
#include "engine/op_timer.h"
#include "engine/rank_notes.h"
#include "engine/session.h"

namespace perfbench {
namespace {

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

[[noreturn]] void hang() {
  for (;;) pause();
}

void suffer(const std::string& fault) {
  if (fault == "oom") throw RunError("device memory", "rank 0 asked for 2.00 GiB, and 0.50 GiB are free");
  if (fault == "bad_alloc") throw std::bad_alloc();
  if (fault == "hang") hang();
  if (fault == "SIGTERM") std::raise(SIGTERM);
  if (fault.starts_with("SIGINT")) std::raise(SIGINT);
  if (fault == "SIGINT twice") std::raise(SIGINT);
}

class IdleSession : public Session {
 public:
  IdleSession(int num_ranks, std::shared_ptr<RankNotes> notes) : num_ranks_(num_ranks), notes_(std::move(notes)) {}
  ~IdleSession() override {
    if (fault_ == "hang in close") hang();
  }
  std::vector<HostTensor> parameters() const override { return {}; }
  std::vector<HostTensor> trainable_parameters() const override { return {}; }
  void load(const std::function<HostTensor(const std::string&)>&) override {}
  std::vector<HostTensor> gradients() override { return {}; }
  std::vector<OpSeconds> op_seconds() const override { return {}; }
  std::vector<HostTensor> weights() override { return {}; }
  StepReport step(const Batch&, StepKind) override {
    notes_->of(0).store({.task = RankTask::forward, .microbatch = 1});
    if (++steps_ == 3) suffer(fault_);
    notes_->of(0).store({});
    StepReport report{.loss = 6.5, .grad_norm = 1.0, .seconds = 0.25, .ranks = {}};
    for (int rank = 0; rank < num_ranks_; ++rank) {
      RankReport of_rank{.seconds = 0.25};
      of_rank.device_peak_bytes = std::int64_t{5} << 30;
      report.ranks.push_back(of_rank);
    }
    return report;
  }

 private:
  const int num_ranks_;
  const std::shared_ptr<RankNotes> notes_;
  const std::string fault_ = variable("FAKE_FAULT", "");
  int steps_ = 0;
};

class IdleOpTimer : public OpTimer {
 public:
  OpTiming time(const Program&, const Op&) override {
    if (++ops_ == 3) suffer(variable("FAKE_FAULT", ""));
    return {.seconds = 1e-5, .mad_s = 0.0, .runs = 3};
  }

 private:
  int ops_ = 0;
};

const EngineAbiInfo* info() {
  static std::deque<std::string> names;
  static std::vector<EngineAbiDevice> devices;
  const std::string list = variable("FAKE_GPUS", "NVIDIA H200");
  const std::int64_t bytes = parse_int(variable("FAKE_GPU_GIB", "140")).value_or(0) << 30;
  if (devices.empty() && !list.empty())
    for (const std::string& name : split(list, ','))
      devices.push_back({.name = names.emplace_back(name).c_str(),
                         .memory_bytes = bytes,
                         .compute_major = 9,
                         .compute_minor = 0,
                         .pci_bus_id = devices.empty() ? "0000:1b:00.0" : "0000:5d:00.0"});
  const bool has_nccl = variable("FAKE_NCCL", "1") == "1";
  static const EngineAbiInfo the_info{
      .libtorch = {"2.11.0", nullptr, nullptr},
      .cuda = {"13.0", nullptr, nullptr},
      .nccl = has_nccl ? EngineAbiPart{"2.28", nullptr, nullptr} : EngineAbiPart{nullptr, "no libnccl", "install it"},
      .num_devices = static_cast<int>(devices.size()),
      .devices = devices.data(),
      .cuda_architectures = "90a,100a"};
  return &the_info;
}

}  // namespace
}  // namespace perfbench

extern "C" {
perfbench::EngineAbiVersion perfbench_engine_version() noexcept { return {perfbench::kEngineAbi, PERFBENCH_VERSION}; }
const perfbench::EngineAbiInfo* perfbench_engine_info() noexcept { return perfbench::info(); }
perfbench::Session* perfbench_engine_open(const perfbench::Plan& plan, const perfbench::SessionSettings& settings) {
  return new perfbench::IdleSession(plan.mesh.num_ranks(), settings.notes);
}
perfbench::OpTimer* perfbench_engine_op_timer(const perfbench::OpTimerSettings&) { return new perfbench::IdleOpTimer; }
}
