// Readings of GPUs while something runs on them, taken on a thread of their own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/gpu_reading.h"

namespace perfbench {

inline constexpr double kTelemetryPeriodS = 0.1;

struct TelemetrySample {
  double seconds = 0.0;  // since the sampler started
  std::vector<GpuReading> gpus{};
};

class TelemetrySampler {
 public:
  // Takes the first reading at once and another one every `period_s`. `now` gives seconds from any start.
  TelemetrySampler(ReadGpus read, double period_s, std::function<double()> now);
  TelemetrySampler(ReadGpus read, double period_s);  // on this machine's steady clock
  ~TelemetrySampler();                               // stops
  TelemetrySampler(const TelemetrySampler&) = delete;
  TelemetrySampler& operator=(const TelemetrySampler&) = delete;

  double seconds() const { return now_() - start_; }  // since the start, as in the samples
  std::vector<TelemetrySample> stop();                // ends the thread; all samples. Once.

 private:
  void run(const ReadGpus& read, double period_s);

  std::function<double()> now_;
  double start_ = 0.0;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::vector<TelemetrySample> samples_;  // of the thread, until it has ended
  std::thread thread_;
};

}  // namespace perfbench
