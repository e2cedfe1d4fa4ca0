// Element types of tensors.
#pragma once

#include <cstdint>
#include <string_view>

namespace perfbench {

enum class DType : std::uint8_t { f32, bf16, f8e4m3, f8e5m2, i64 };

constexpr int size_bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::f8e4m3:
    case DType::f8e5m2:
      return 1;
    case DType::i64:
      return 8;
  }
  return 0;
}

constexpr std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::f8e4m3:
      return "f8e4m3";
    case DType::f8e5m2:
      return "f8e5m2";
    case DType::i64:
      return "i64";
  }
  return "?";
}

}  // namespace perfbench
