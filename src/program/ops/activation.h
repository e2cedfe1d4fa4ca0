// Activations of an MLP.
// Letters: T local tokens, F ffn width.
#pragma once

#include <string_view>
#include <tuple>

#include "job/model_spec.h"
#include "program/ops/operand.h"

namespace perfbench {

struct SwiGlu {  // y = silu(gate) * up, and of experts' rows times the row's weight
  static constexpr std::string_view kName = "swiglu";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{};        // (T, 2 F): gate, then up
  In weights{};  // (T) float32 or absent
  Out y{};       // (T, F)
  static constexpr auto operands() {
    return std::tuple{Field{"x", &SwiGlu::x}, Field{"weights", &SwiGlu::weights}, Field{"y", &SwiGlu::y}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct SwiGluBackward {
  static constexpr std::string_view kName = "swiglu_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dy{}, x{}, weights{};
  Out dx{};
  Out dweights{};  // (T) float32 where asked for; partial over an axis that splits F
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &SwiGluBackward::dy}, Field{"x", &SwiGluBackward::x},
                      Field{"weights", &SwiGluBackward::weights}, Field{"dx", &SwiGluBackward::dx},
                      Field{"dweights", &SwiGluBackward::dweights}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct Activate {  // y = f(x), element by element
  static constexpr std::string_view kName = "activate";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{};   // (T, F)
  Out y{};  // (T, F)
  Activation activation = Activation::gelu;
  static constexpr auto operands() { return std::tuple{Field{"x", &Activate::x}, Field{"y", &Activate::y}}; }
  static constexpr auto fields() { return std::tuple{Field{"f", &Activate::activation}}; }
};

struct ActivateBackward {
  static constexpr std::string_view kName = "activate_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dy{}, x{};
  Out dx{};
  Activation activation = Activation::gelu;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &ActivateBackward::dy}, Field{"x", &ActivateBackward::x},
                      Field{"dx", &ActivateBackward::dx}};
  }
  static constexpr auto fields() { return std::tuple{Field{"f", &ActivateBackward::activation}}; }
};

}  // namespace perfbench
