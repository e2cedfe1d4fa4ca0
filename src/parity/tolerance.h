// How far a run may be from another implementation of the same model, by precision.
#pragma once

#include <string_view>

#include "job/terms.h"

namespace perfbench {

// A loss l' agrees with l when |l' - l| <= loss |l|. A gradient g' agrees with g when the norm of g' - g is at most
// of_own |g| + of_all |all gradients|: the second part is for parameters whose gradient is almost nothing.
struct Tolerance {
  std::string_view precision;
  double loss;
  double loss_after_steps;
  double of_own;
  double of_all;
  std::string_view reason;
};

// The measured figures are worst parameters of random Llamas of 2 to 12 layers in transformers against the same weights
// in a wider type.
inline constexpr Tolerance kTolerances[] = {
    {"fp32", 1e-5, 1e-4, 1e-4, 1e-7,
     "24 significant bits: two orders of the same sums differ by some 1e-7, and a dozen layers in a row by some 1e-6. "
     "AdamW moves an element by the learning rate however small its gradient is, so that noise grows from step to "
     "step: "
     "after five steps transformers' loss in FP32 is off by 7e-6 of that in FP64"},
    {"bf16", 3e-3, 1e-2, 8e-2, 5e-3,
     "8 significant bits: each stored value is off by up to 2^-9 = 0.2 %, at random. transformers in BF16 is off by "
     "1.7 % "
     "of |g| at 2 layers, 2.8 % at 8 and 3.9 % at 12, its loss by 0.04 %; two such runs that round at different places "
     "may be off by twice that"},
    {"fp8cs", 1e-2, 5e-2, 0.4, 3e-2,
     "4 significant bits forward (E4M3) and 3 backward (E5M2): each operand of a GEMM is off by up to 6 % and 12 %, at "
     "random. transformers with its layers' linear operands rounded so is off by 18 % of |g| at 2 layers, 23 % at 4 "
     "and "
     "32 % at 8, its loss by 0.2 %; a factor of 2 or a missing summand makes 50 % and more"},
};

// The entry of a precision; of one without an entry, the loosest.
constexpr const Tolerance& tolerance_of(Precision precision) {
  for (const Tolerance& tolerance : kTolerances)
    if (tolerance.precision == name(precision)) return tolerance;
  return kTolerances[2];
}

}  // namespace perfbench
