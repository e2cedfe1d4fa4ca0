// Casts to FP8.
// Letters: M, N, K a tensor's dims.
#pragma once

#include <string_view>
#include <tuple>

#include "base/dtype.h"
#include "program/ops/operand.h"

namespace perfbench {

struct Quantize {  // current scaling: amax of the whole tensor, then the cast
  static constexpr std::string_view kName = "quantize";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{};          // (M, N)
  Out q{}, q_t{};  // (M, N), (N, M) where asked for
  Out scale{};     // (1) float32
  DType dtype = DType::f8e4m3;
  bool of_weight = false;  // a weight is never gathered over tp: each rank scales the part that it has
  // The rows of x are split over tp and gathered next: all ranks need one scale, so the amax is a hidden all-reduce.
  // Columns split over tp are never gathered; each rank has its own scale.
  bool amax_over_tp = false;
  static constexpr auto operands() {
    return std::tuple{Field{"x", &Quantize::x}, Field{"q", &Quantize::q}, Field{"q_t", &Quantize::q_t},
                      Field{"scale", &Quantize::scale}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &Quantize::dtype, Signs::never},
                      Field{"of_weight", &Quantize::of_weight, Signs::never},
                      Field{"amax_over_tp", &Quantize::amax_over_tp, Signs::never}};
  }
};

struct CastWeight {  // the weight in FP8; runs with the first microbatch only
  static constexpr std::string_view kName = "cast_weight";
  static constexpr OpClass kClass = OpClass::bytes;
  In weight{};       // (N, K)
  InOut q{}, q_t{};  // (N, K) absent where the weight is held in FP8 already; (K, N) where asked for
  InOut scale{};     // (1) float32
  static constexpr auto operands() {
    return std::tuple{Field{"weight", &CastWeight::weight}, Field{"q", &CastWeight::q}, Field{"q_t", &CastWeight::q_t},
                      Field{"scale", &CastWeight::scale}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

}  // namespace perfbench
