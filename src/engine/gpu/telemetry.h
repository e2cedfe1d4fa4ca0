// Readings of GPUs while something runs on them, taken on a thread of their own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/gpu/gpu_reading.h"
#include "engine/worker.h"

namespace perfbench {

inline constexpr double kTelemetryPeriodS = 0.1;

struct TelemetrySample {
  double seconds = 0.0;  // since the sampler started
  std::vector<GpuReading> gpus{};
};

class TelemetrySampler {
 public:
  // Takes the first reading at once and another one every `period_s`. `now` gives seconds from any start. A reading
  // that has not come `stop_s` after the end is left behind.
  TelemetrySampler(ReadGpus read, double period_s, std::function<double()> now, double stop_s = 10.0);
  TelemetrySampler(ReadGpus read, double period_s);  // on this machine's steady clock
  ~TelemetrySampler();                               // stops
  TelemetrySampler(const TelemetrySampler&) = delete;
  TelemetrySampler& operator=(const TelemetrySampler&) = delete;

  double seconds() const { return shared_->now() - shared_->start; }  // since the start, as in the samples
  std::vector<TelemetrySample> stop();                                // ends the readings; all samples. Once.

 private:
  struct Shared {  // with the thread, which may outlive the sampler
    ReadGpus read;
    double period_s = 0.0;
    std::function<double()> now;
    double start = now();
    std::mutex mutex{};
    std::condition_variable stopping{};
    bool stop = false;
    std::vector<TelemetrySample> samples{};
  };
  static void run(Shared& shared);

  std::shared_ptr<Shared> shared_;
  const std::chrono::duration<double> stop_time_;
  Worker thread_;
};

}  // namespace perfbench
