// Low-rank adapters beside a linear.
// Letters: T local tokens, N columns of the linear's output, A of these with an adapter, R rank.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "program/ops/operand.h"
#include "program/value.h"

namespace perfbench {

// Neighbouring columns of a linear's output on one rank, with an adapter of their own or with none.
struct AdapterBlock {
  std::int64_t columns = 0;
  bool adapted = false;
};

inline constexpr int kMostAdapterBlocks = 3;  // q, k and v

// All columns of the output, in order. Letters: N of them, A of these with an adapter.
using AdapterColumns = std::array<AdapterBlock, kMostAdapterBlocks>;

struct AdapterUp {  // second product of low-rank adapters: out = base + scale * h_i b_i^T in the columns of adapter i
  static constexpr std::string_view kName = "adapter_up";
  static constexpr OpClass kClass = OpClass::product;
  In base{}, h{}, b{};  // (T, N), (T, adapters x R), (A, R)
  Out out{};            // (T, N)
  AdapterColumns columns{};
  double scale = 1.0;
  static constexpr auto operands() {
    return std::tuple{Field{"base", &AdapterUp::base}, Field{"h", &AdapterUp::h}, Field{"b", &AdapterUp::b},
                      Field{"out", &AdapterUp::out}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"columns", &AdapterUp::columns}, Field{"scale", &AdapterUp::scale, Signs::never}};
  }
};

struct AdapterUpBackward {  // dh_i = scale * dout_i b_i; the base's gradient is dout itself
  static constexpr std::string_view kName = "adapter_up_backward";
  static constexpr OpClass kClass = OpClass::product;
  In dout{}, b{};
  Out dh{};
  AdapterColumns columns{};
  double scale = 1.0;
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &AdapterUpBackward::dout}, Field{"b", &AdapterUpBackward::b},
                      Field{"dh", &AdapterUpBackward::dh}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"columns", &AdapterUpBackward::columns},
                      Field{"scale", &AdapterUpBackward::scale, Signs::never}};
  }
};

struct AdapterWeightGrad {  // db_i = scale * dout_i^T h_i
  static constexpr std::string_view kName = "adapter_weight_grad";
  static constexpr OpClass kClass = OpClass::product;
  In dout{}, h{};
  Out db{};  // (A, R)
  AdapterColumns columns{};
  double scale = 1.0;
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &AdapterWeightGrad::dout}, Field{"h", &AdapterWeightGrad::h},
                      Field{"db", &AdapterWeightGrad::db}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"columns", &AdapterWeightGrad::columns},
                      Field{"scale", &AdapterWeightGrad::scale, Signs::never}};
  }
};

struct AdapterBackward {  // both of these in one pass over dout
  static constexpr std::string_view kName = "adapter_backward";
  static constexpr OpClass kClass = OpClass::product;
  In dout{}, h{}, b{};
  Out dh{}, db{};
  AdapterColumns columns{};
  double scale = 1.0;
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &AdapterBackward::dout}, Field{"h", &AdapterBackward::h},
                      Field{"b", &AdapterBackward::b}, Field{"dh", &AdapterBackward::dh},
                      Field{"db", &AdapterBackward::db}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"columns", &AdapterBackward::columns},
                      Field{"scale", &AdapterBackward::scale, Signs::never}};
  }
};

}  // namespace perfbench
