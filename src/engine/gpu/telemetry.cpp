#include "engine/gpu/telemetry.h"

#include <chrono>
#include <utility>

namespace perfbench {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

TelemetrySampler::TelemetrySampler(ReadGpus read, double period_s, std::function<double()> now, double stop_s)
    : shared_(new Shared{.read = std::move(read), .period_s = period_s, .now = std::move(now)}),
      stop_time_(stop_s),
      thread_("telemetry") {
  thread_.start([shared = shared_] { run(*shared); });
}

TelemetrySampler::TelemetrySampler(ReadGpus read, double period_s)
    : TelemetrySampler(std::move(read), period_s, steady_seconds) {}

TelemetrySampler::~TelemetrySampler() { stop(); }

std::vector<TelemetrySample> TelemetrySampler::stop() {
  {
    const std::scoped_lock lock(shared_->mutex);
    if (std::exchange(shared_->stop, true)) return {};
  }
  shared_->stopping.notify_all();
  if (!thread_.wait_for(stop_time_)) thread_.leave_behind();
  const std::scoped_lock lock(shared_->mutex);
  return std::exchange(shared_->samples, {});
}

void TelemetrySampler::run(Shared& shared) {
  const std::chrono::duration<double> period(shared.period_s);
  bool stopped = false;
  while (!stopped) {
    TelemetrySample sample{.seconds = shared.now() - shared.start, .gpus = shared.read()};
    std::unique_lock lock(shared.mutex);
    shared.samples.push_back(std::move(sample));
    stopped = shared.stopping.wait_for(lock, period, [&] { return shared.stop; });
  }
}

}  // namespace perfbench
