#include "engine/telemetry.h"

#include <chrono>
#include <utility>

namespace perfbench {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

TelemetrySampler::TelemetrySampler(ReadGpus read, double period_s, std::function<double()> now)
    : now_(std::move(now)), start_(now_()) {
  thread_ = std::thread([this, read = std::move(read), period_s] { run(read, period_s); });
}

TelemetrySampler::TelemetrySampler(ReadGpus read, double period_s)
    : TelemetrySampler(std::move(read), period_s, steady_seconds) {}

TelemetrySampler::~TelemetrySampler() { stop(); }

std::vector<TelemetrySample> TelemetrySampler::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  if (thread_.joinable()) thread_.join();
  return std::exchange(samples_, {});
}

void TelemetrySampler::run(const ReadGpus& read, double period_s) {
  const std::chrono::duration<double> period(period_s);
  bool stopped = false;
  while (!stopped) {
    const double at = seconds();
    samples_.push_back({.seconds = at, .gpus = read()});
    std::unique_lock lock(mutex_);
    stopped = stopping_.wait_for(lock, period, [this] { return stop_; });
  }
}

}  // namespace perfbench
