// What a verification found, and how it is printed.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/session.h"
#include "job/job.h"
#include "parity/expect.h"

namespace perfbench {

struct VerifyResult {
  StepReport step;                       // a forward and a backward on the weights of the folder
  std::vector<HostTensor> gradients;     // of that step
  std::vector<double> losses;            // of the training steps; empty when none was asked for
  std::optional<Comparison> comparison;  // with what is expected

  // The first number that is NaN or infinite: "the loss", a parameter's name; empty when all are finite.
  std::string not_finite() const;
};

std::string verify_text(const Job& job, const VerifyResult& result);
std::string verify_json(const Job& job, const VerifyResult& result);

}  // namespace perfbench
