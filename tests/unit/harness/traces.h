// Step times as machines bring them forth, seeded: the same on every platform.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "base/median.h"
#include "base/random.h"
#include "rows/row.h"

namespace perfbench {

class Noise {
 public:
  explicit Noise(std::uint64_t stream) : stream_(stream) {}
  double share() { return random_share_at(stream_, place_++); }
  // Box and Muller 1958.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - share()));
    return radius * std::cos(2.0 * std::numbers::pi * share());
  }

 private:
  std::uint64_t stream_, place_ = 0;
};

// Step times around 1 s, in the order of the steps.
struct Trace {
  std::string name;
  std::function<std::vector<double>(Noise&, std::size_t steps)> steps;
};

// Normal with a coefficient of variation; neighbours have the correlation `r` (AR(1)).
inline Trace normal_trace(double cv, double r = 0.0) {
  return {"CV " + std::to_string(cv) + ", r " + std::to_string(r), [cv, r](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            double level = noise.normal();
            for (std::size_t i = 0; i < steps; ++i) {
              seconds.push_back(std::max(0.05, 1.0 + cv * level));
              level = r * level + std::sqrt(1.0 - r * r) * noise.normal();
            }
            return seconds;
          }};
}

// A clock that swings by `share` up and down, half a period in a run, met anywhere.
inline Trace swinging_trace(double share) {
  return {"swing " + std::to_string(share), [share](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            const double start = 2.0 * std::numbers::pi * noise.share();
            for (std::size_t i = 0; i < steps; ++i) {
              const double phase = start + std::numbers::pi * static_cast<double>(i) / static_cast<double>(steps);
              seconds.push_back(1.0 + share * std::sin(phase) + 0.01 * noise.normal());
            }
            return seconds;
          }};
}

// Slower or faster by up to `share` from the first step to the last.
inline Trace sloping_trace(double share) {
  return {"slope " + std::to_string(share), [share](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            const double slope = share * (2.0 * noise.share() - 1.0) / static_cast<double>(steps);
            for (std::size_t i = 0; i < steps; ++i)
              seconds.push_back(1.0 + slope * static_cast<double>(i) + 0.02 * noise.normal());
            return seconds;
          }};
}

inline Trace log_normal_trace(double sigma) {
  return {"log-normal " + std::to_string(sigma), [sigma](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            for (std::size_t i = 0; i < steps; ++i) seconds.push_back(std::exp(sigma * noise.normal()));
            return seconds;
          }};
}

// Student's t with 2 degrees of freedom, upwards: its variance is infinite.
inline Trace heavy_tailed_trace(double scale) {
  return {"heavy tail " + std::to_string(scale), [scale](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            for (std::size_t i = 0; i < steps; ++i) {
              const double a = noise.normal(), b = noise.normal(), c = noise.normal();
              seconds.push_back(1.0 + scale * std::abs(a) / std::sqrt((b * b + c * c) / 2.0));
            }
            return seconds;
          }};
}

// Two modes 20 % apart, changed with the probability `change` before each step.
inline Trace bimodal_trace(double change) {
  return {"two modes, change " + std::to_string(change), [change](Noise& noise, std::size_t steps) {
            std::vector<double> seconds;
            bool slow = noise.share() < 0.5;
            for (std::size_t i = 0; i < steps; ++i) {
              slow = slow != (noise.share() < change);
              seconds.push_back((slow ? 1.2 : 1.0) + 0.02 * noise.normal());
            }
            return seconds;
          }};
}

// A measured row of these steps, each `times` as long.
inline Row measured_row(std::vector<double> samples_s, double times = 1.0) {
  for (double& seconds : samples_s) seconds *= times;
  Row row{.method = Method::measured, .model = "m", .system = "cpu"};
  row.step_time_s = median(samples_s);
  row.samples_s = std::move(samples_s);
  return row;
}

}  // namespace perfbench
