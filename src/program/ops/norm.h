// Norms of rows and of heads, with the residual in one kernel.
// Letters: T local tokens, H hidden, n and k local query and key/value heads, D head dim.
#pragma once

#include <string_view>
#include <tuple>

#include "program/ops/heads.h"
#include "program/ops/operand.h"

namespace perfbench {

struct RmsNorm {  // sum = x + residual; y = sum * rstd * weight
  static constexpr std::string_view kName = "rms_norm";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{}, residual{}, weight{};  // (T, H), (T, H) or absent, (H)
  Out sum{}, y{}, rstd{};        // (T, H) where there is a residual, (T, H), (T)
  double eps = 1e-5;
  static constexpr auto operands() {
    return std::tuple{Field{"x", &RmsNorm::x},           Field{"residual", &RmsNorm::residual},
                      Field{"weight", &RmsNorm::weight}, Field{"sum", &RmsNorm::sum},
                      Field{"y", &RmsNorm::y},           Field{"rstd", &RmsNorm::rstd}};
  }
  static constexpr auto fields() { return std::tuple{Field{"eps", &RmsNorm::eps, Signs::never}}; }
};

struct RmsNormBackward {  // dx is the gradient of x and of the residual alike
  static constexpr std::string_view kName = "rms_norm_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dy{}, dsum{}, sum{}, weight{}, rstd{};  // (T, H), (T, H) or absent, (T, H), (H), (T)
  Out dx{}, dw{};                            // (T, H), (H)
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &RmsNormBackward::dy},     Field{"dsum", &RmsNormBackward::dsum},
                      Field{"sum", &RmsNormBackward::sum},   Field{"weight", &RmsNormBackward::weight},
                      Field{"rstd", &RmsNormBackward::rstd}, Field{"dx", &RmsNormBackward::dx},
                      Field{"dw", &RmsNormBackward::dw}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct LayerNorm {  // sum = x + residual; y = (sum - mean) * rstd * (weight + weight_offset) + bias
  static constexpr std::string_view kName = "layer_norm";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{}, residual{}, weight{}, bias{};  // (T, H), (T, H) or absent, (H), (H)
  Out sum{}, y{}, mean{}, rstd{};        // (T, H) where there is a residual, (T, H), (T) float32, (T) float32
  double eps = 1e-5;
  double weight_offset = 0.0;  // 1: weights are kept as their difference from one (Nemotron's LayerNorm1P)
  static constexpr auto operands() {
    return std::tuple{Field{"x", &LayerNorm::x},           Field{"residual", &LayerNorm::residual},
                      Field{"weight", &LayerNorm::weight}, Field{"bias", &LayerNorm::bias},
                      Field{"sum", &LayerNorm::sum},       Field{"y", &LayerNorm::y},
                      Field{"mean", &LayerNorm::mean},     Field{"rstd", &LayerNorm::rstd}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"eps", &LayerNorm::eps, Signs::never},
                      Field{"weight_offset", &LayerNorm::weight_offset, Signs::where_set}};
  }
};

struct LayerNormBackward {  // dx is the gradient of x and of the residual alike
  static constexpr std::string_view kName = "layer_norm_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dy{}, dsum{}, sum{}, weight{}, mean{}, rstd{};  // dsum may be absent
  Out dx{}, dw{}, db{};                              // (T, H), (H), (H)
  double weight_offset = 0.0;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &LayerNormBackward::dy},     Field{"dsum", &LayerNormBackward::dsum},
                      Field{"sum", &LayerNormBackward::sum},   Field{"weight", &LayerNormBackward::weight},
                      Field{"mean", &LayerNormBackward::mean}, Field{"rstd", &LayerNormBackward::rstd},
                      Field{"dx", &LayerNormBackward::dx},     Field{"dw", &LayerNormBackward::dw},
                      Field{"db", &LayerNormBackward::db}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"weight_offset", &LayerNormBackward::weight_offset, Signs::where_set}};
  }
};

struct QkNorm {  // RMS norm of each head of q and of k inside the packed tensor, before the rotation
  static constexpr std::string_view kName = "qk_norm";
  static constexpr OpClass kClass = OpClass::bytes;
  In qkv{}, q_weight{}, k_weight{};  // (T, (n + 2k) D), (D), (D)
  Out out{}, rstd{};                 // as qkv, (T, n + k) float32
  Heads heads{};
  double eps = 1e-6;
  static constexpr auto operands() {
    return std::tuple{Field{"qkv", &QkNorm::qkv}, Field{"q_weight", &QkNorm::q_weight},
                      Field{"k_weight", &QkNorm::k_weight}, Field{"out", &QkNorm::out}, Field{"rstd", &QkNorm::rstd}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"heads", &QkNorm::heads}, Field{"eps", &QkNorm::eps, Signs::never}};
  }
};

struct QkNormBackward {
  static constexpr std::string_view kName = "qk_norm_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dout{}, qkv{}, q_weight{}, k_weight{}, rstd{};
  Out dqkv{}, dq_weight{}, dk_weight{};  // (T, (n + 2k) D), (D), (D)
  Heads heads{};
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &QkNormBackward::dout},           Field{"qkv", &QkNormBackward::qkv},
                      Field{"q_weight", &QkNormBackward::q_weight},   Field{"k_weight", &QkNormBackward::k_weight},
                      Field{"rstd", &QkNormBackward::rstd},           Field{"dqkv", &QkNormBackward::dqkv},
                      Field{"dq_weight", &QkNormBackward::dq_weight}, Field{"dk_weight", &QkNormBackward::dk_weight}};
  }
  static constexpr auto fields() { return std::tuple{Field{"heads", &QkNormBackward::heads}}; }
};

}  // namespace perfbench
