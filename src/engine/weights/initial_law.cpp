#include "engine/weights/initial_law.h"

#include <cmath>

namespace perfbench {
namespace {

constexpr double kInitialDeviation = 0.02;

// FNV-1a, so that every tensor has a stream of its own.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace

InitialLaw initial_law(const std::string& name, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  if (shape.size() == 1) return {.value = name.ends_with(".bias") ? 0.0 : 1.0};
  if (name.ends_with(".lora_B.weight")) return {};     // an adapter adds nothing at first
  double width = kInitialDeviation * std::sqrt(12.0);  // of a uniform distribution with that deviation
  if (name.ends_with(".lora_A.weight")) width = 2.0 / std::sqrt(static_cast<double>(shape[1]));  // peft's, Kaiming's
  return {.width = width, .stream = random_at(seed, hash_of(name))};
}

std::vector<float> initial_weights(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::uint64_t seed) {
  std::int64_t elements = 1;
  for (std::int64_t size : shape) elements *= size;
  const InitialLaw law = initial_law(name, shape, seed);
  std::vector<float> values(static_cast<std::size_t>(elements), static_cast<float>(law.value));
  if (law.width == 0.0) return values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(law.value + (random_share_at(law.stream, i) - 0.5) * law.width);
  }
  return values;
}

}  // namespace perfbench
