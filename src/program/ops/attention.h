// Attention and the rotation before it, on packed q|k|v.
// Letters: T local tokens, n and k local query and key/value heads, D head dim.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "job/model_spec.h"
#include "program/ops/heads.h"
#include "program/ops/operand.h"

namespace perfbench {

struct Rope {  // rotates q and k inside the packed tensor; `inverse` is its backward
  static constexpr std::string_view kName = "rope";
  static constexpr OpClass kClass = OpClass::bytes;
  In qkv{}, positions{};  // (T, (n + 2k) D), (T)
  Out out{};              // as qkv
  Heads heads{};
  double theta = 10000.0;
  RopeScaling scaling{};
  std::int64_t rotary_dim = 0;  // dims of a head that are rotated, the first ones; even, at most D
  bool inverse = false;
  static constexpr auto operands() {
    return std::tuple{Field{"qkv", &Rope::qkv}, Field{"positions", &Rope::positions}, Field{"out", &Rope::out}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"heads", &Rope::heads}, Field{"theta", &Rope::theta, Signs::never},
                      Field{"scaling", &Rope::scaling, Signs::never}, Field{"rotary_dim", &Rope::rotary_dim},
                      Field{"inverse", &Rope::inverse}};
  }
};

// Where the tokens are split over cp, each rank holds chunks r and 2 cp - 1 - r of the 2 cp chunks of every sequence
// (zigzag: equal work under a causal mask), and K and V go round the ring of cp ranks: a hidden collective. Packed
// sub-sequences: a token attends to those of its own only.
struct Attention {
  static constexpr std::string_view kName = "attention";
  static constexpr OpClass kClass = OpClass::attention;
  In qkv{}, starts{};  // (T, (n + 2k) D), (T) or absent: where in the pack each token's sub-sequence starts
  Out out{}, lse{};    // (T, n D), (T, n) float32
  Heads heads{};
  std::int64_t batch = 0, seq = 0;  // T = batch * seq, of this rank
  bool causal = true;
  double attended = 0.0;  // mean over tokens of the length of their sub-sequence; 0: nothing is packed
  static constexpr auto operands() {
    return std::tuple{Field{"qkv", &Attention::qkv}, Field{"starts", &Attention::starts}, Field{"out", &Attention::out},
                      Field{"lse", &Attention::lse}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"heads", &Attention::heads}, Field{"batch", &Attention::batch},
                      Field{"seq", &Attention::seq}, Field{"causal", &Attention::causal},
                      Field{"attended", &Attention::attended}};
  }
};

struct AttentionBackward {  // over cp, K and V go round once more and their gradients with them, home again
  static constexpr std::string_view kName = "attention_backward";
  static constexpr OpClass kClass = OpClass::attention;
  In dout{}, qkv{}, starts{}, out{}, lse{};
  Out dqkv{};
  Heads heads{};
  std::int64_t batch = 0, seq = 0;
  bool causal = true;
  double attended = 0.0;
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &AttentionBackward::dout},     Field{"qkv", &AttentionBackward::qkv},
                      Field{"starts", &AttentionBackward::starts}, Field{"out", &AttentionBackward::out},
                      Field{"lse", &AttentionBackward::lse},       Field{"dqkv", &AttentionBackward::dqkv}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"heads", &AttentionBackward::heads}, Field{"batch", &AttentionBackward::batch},
                      Field{"seq", &AttentionBackward::seq}, Field{"causal", &AttentionBackward::causal},
                      Field{"attended", &AttentionBackward::attended}};
  }
};

}  // namespace perfbench
