// What another implementation computed for the same model and batch, and how far a run is from it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/session.h"
#include "parity/tolerance.h"

namespace perfbench {

// From a .json file as `verify --json` prints it: norms alone. From a safetensors file: whole gradients by Hugging Face
// name, and F32 tensors named loss, grad_norm (scalars) and losses (one dim) where it has them.
struct Expected {
  std::string file;
  std::optional<double> loss, grad_norm;
  std::vector<double> losses;                         // of training steps
  std::vector<std::pair<std::string, double>> norms;  // by parameter
  std::vector<HostTensor> gradients;                  // f32 or bf16

  bool has_gradients() const { return !norms.empty() || !gradients.empty(); }
};

// Throws InputError for a file that is neither, or that expects nothing.
Expected read_expected(const std::filesystem::path& file);

// Throws InputError with every gradient that is missing, of another shape, or of no parameter, and when losses of more
// than `num_steps` steps are expected.
void check_expected(const Expected& expected, std::span<const HostTensor> parameters, std::size_t num_steps);

// One comparison: a difference, and what the tolerance allows.
struct Deviation {
  std::string what;  // "loss", "losses[2]", "grad_norm", or a parameter's name
  double difference = 0.0, allowed = 0.0, expected = 0.0;
  bool agrees() const { return difference <= allowed; }  // false for NaN
  double share() const;                                  // of what is allowed; infinite for NaN
};

struct Comparison {
  std::string file;
  std::vector<Deviation> deviations;
  const Deviation& worst() const;  // by share
  bool agrees() const { return worst().agrees(); }
};

Comparison compare(const Expected& expected, const StepReport& step, std::span<const double> losses,
                   std::span<const HostTensor> gradients, const Tolerance& tolerance);

// The elements of an f32 or bf16 tensor, and the root of the sum of their squares.
std::vector<double> elements_of(const HostTensor& tensor);
double norm_of(const HostTensor& tensor);

}  // namespace perfbench
