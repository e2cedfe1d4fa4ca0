// Matrix products, their weight gradients, and the sums around them.
// Letters: M, N, K a product's dims.
#pragma once

#include <string_view>
#include <tuple>

#include "program/ops/operand.h"

namespace perfbench {

struct Matmul {  // out = a b^T, or a b, and the bias
  static constexpr std::string_view kName = "matmul";
  static constexpr OpClass kClass = OpClass::product;
  In a{}, b{};              // (M, K), and (N, K) with transpose_b, else (K, N)
  In scale_a{}, scale_b{};  // (1) float32 each where the operands are FP8
  In bias{};                // (N) or absent
  Out out{};                // (M, N)
  bool transpose_b = true;
  static constexpr auto operands() {
    return std::tuple{Field{"a", &Matmul::a},
                      Field{"b", &Matmul::b},
                      Field{"scale_a", &Matmul::scale_a},
                      Field{"scale_b", &Matmul::scale_b},
                      Field{"bias", &Matmul::bias},
                      Field{"out", &Matmul::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transpose_b", &Matmul::transpose_b}}; }
};

struct AddMatmul {  // out = c + a b^T, or c + a b: nothing is rounded between the product and the sum
  static constexpr std::string_view kName = "add_matmul";
  static constexpr OpClass kClass = OpClass::product;
  In c{}, a{}, b{};  // (M, N), (M, K), and (N, K) with transpose_b, else (K, N)
  Out out{};         // (M, N)
  bool transpose_b = true;
  static constexpr auto operands() {
    return std::tuple{Field{"c", &AddMatmul::c}, Field{"a", &AddMatmul::a}, Field{"b", &AddMatmul::b},
                      Field{"out", &AddMatmul::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transpose_b", &AddMatmul::transpose_b}}; }
};

struct WeightGrad {  // dw = dy^T x
  static constexpr std::string_view kName = "weight_grad";
  static constexpr OpClass kClass = OpClass::product;
  In dy{}, x{};              // (M, N), (M, K), or with `transposed` (N, M), (K, M): FP8 before Blackwell
  In scale_dy{}, scale_x{};  // (1) float32 each where the operands are FP8
  Out dw{};                  // (N, K)
  bool transposed = false;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &WeightGrad::dy}, Field{"x", &WeightGrad::x},
                      Field{"scale_dy", &WeightGrad::scale_dy}, Field{"scale_x", &WeightGrad::scale_x},
                      Field{"dw", &WeightGrad::dw}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transposed", &WeightGrad::transposed}}; }
};

struct WeightGradAccumulate {  // main_grad += dy^T x, in one kernel
  static constexpr std::string_view kName = "weight_grad_accumulate";
  static constexpr OpClass kClass = OpClass::product;
  In dy{}, x{};
  In scale_dy{}, scale_x{};
  InOut main_grad{};  // (N, K)
  bool transposed = false;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &WeightGradAccumulate::dy}, Field{"x", &WeightGradAccumulate::x},
                      Field{"scale_dy", &WeightGradAccumulate::scale_dy},
                      Field{"scale_x", &WeightGradAccumulate::scale_x},
                      Field{"main_grad", &WeightGradAccumulate::main_grad}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transposed", &WeightGradAccumulate::transposed}}; }
};

struct AddBias {  // to a product whose partial sums are complete; elsewhere the bias is the product's
  static constexpr std::string_view kName = "add_bias";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{}, bias{};  // (M, N), (N)
  Out out{};       // (M, N)
  static constexpr auto operands() {
    return std::tuple{Field{"x", &AddBias::x}, Field{"bias", &AddBias::bias}, Field{"out", &AddBias::out}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct BiasGrad {  // dw = sum of the rows of dy
  static constexpr std::string_view kName = "bias_grad";
  static constexpr OpClass kClass = OpClass::bytes;
  In dy{};   // (M, N)
  Out dw{};  // (N)
  static constexpr auto operands() { return std::tuple{Field{"dy", &BiasGrad::dy}, Field{"dw", &BiasGrad::dw}}; }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct Accumulate {  // main_grad += dw
  static constexpr std::string_view kName = "accumulate";
  static constexpr OpClass kClass = OpClass::bytes;
  In dw{};
  InOut main_grad{};
  static constexpr auto operands() {
    return std::tuple{Field{"dw", &Accumulate::dw}, Field{"main_grad", &Accumulate::main_grad}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct Add {
  static constexpr std::string_view kName = "add";
  static constexpr OpClass kClass = OpClass::bytes;
  In a{}, b{};
  Out out{};
  static constexpr auto operands() {
    return std::tuple{Field{"a", &Add::a}, Field{"b", &Add::b}, Field{"out", &Add::out}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct Transpose {
  static constexpr std::string_view kName = "transpose";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{};     // (M, N)
  Out out{};  // (N, M)
  static constexpr auto operands() { return std::tuple{Field{"x", &Transpose::x}, Field{"out", &Transpose::out}}; }
  static constexpr auto fields() { return std::tuple<>{}; }
};

}  // namespace perfbench
