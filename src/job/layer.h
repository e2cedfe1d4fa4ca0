// A layer of a model as data: which norms it has, what mixes its tokens and what works on each alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace perfbench {

enum class Norm { rms, layer, layer1p };
enum class Activation { silu, gelu, gelu_tanh, relu2 };  // gelu: exact, by erf; gelu_tanh: Hendrycks and Gimpel's form

// Llama 3.1's way to longer contexts: pairs of the rotary embedding whose wave is longer than the original context
// turns slower by `factor`, those far shorter as before, the ones between by a share (Hugging Face rope_type "llama3").
struct RopeScaling {
  double factor = 1.0;  // 1: no scaling
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  std::int64_t original_positions = 8192;
  bool operator==(const RopeScaling&) const = default;
};

struct Rotary {
  double share = 1.0;  // of a head's dims that are rotated
  double theta = 10000.0;
  std::string type = "default";  // as in rope_parameters or rope_scaling; it changes values, not speed
  RopeScaling scaling{};         // of type "llama3"
  bool operator==(const Rotary&) const = default;
};

// What a token attends to: all tokens before it, the last `tokens` of them, or those of its own chunk of so many.
struct Mask {
  enum class Kind { causal, window, chunk };
  Kind kind = Kind::causal;
  std::int64_t tokens = 0;  // of a window or a chunk
  bool operator==(const Mask&) const = default;
};

// per_head: RMS over each head, with one weight for all of them; all_heads: over all heads at once; bare: per head,
// without a weight, after the rotation.
enum class HeadNorm { none, per_head, all_heads, bare };

struct Gqa {  // grouped-query attention
  static constexpr std::string_view kName = "gqa";
  int heads = 0, kv_heads = 0;     // n, k
  std::int64_t head_dim = 0;       // D; n * D may differ from H
  std::optional<Rotary> rotary{};  // absent: the layer does not rotate q and k
  HeadNorm qk_norm = HeadNorm::none;
  Mask mask{};
  bool sinks = false;                   // a learned number per head that attention may go to instead of a token
  bool bias = false, out_bias = false;  // on q, k and v; on the output projection
  bool packed_qkv = false;              // q, k and v are one module of the family's
  bool operator==(const Gqa&) const = default;
};

struct Mla {  // multi-head latent attention
  static constexpr std::string_view kName = "mla";
  int heads = 0;
  std::int64_t q_rank = 0;  // 0: q is projected in one step
  std::int64_t kv_rank = 0, qk_nope_dim = 0, qk_rope_dim = 0, v_dim = 0;
  Rotary rotary{};
  bool bias = false;
  bool operator==(const Mla&) const = default;
};

struct Mamba2 {
  static constexpr std::string_view kName = "mamba2";
  int heads = 0, groups = 0;
  std::int64_t head_dim = 0, state = 0, conv_kernel = 0, chunk = 0;
  bool operator==(const Mamba2&) const = default;
};

struct SelfAndCross {  // self-attention, then cross-attention to a text, as WAN has it
  static constexpr std::string_view kName = "cross";
  int heads = 0;
  std::int64_t head_dim = 0;
  HeadNorm qk_norm = HeadNorm::none;
  bool bias = false;
  bool operator==(const SelfAndCross&) const = default;
};

struct Dense {
  static constexpr std::string_view kName = "dense";
  std::int64_t ffn = 0;  // F
  Activation activation = Activation::silu;
  bool gated = true;  // gate and up, as SwiGLU has it
  bool bias = false;
  bool operator==(const Dense&) const = default;
};

struct Moe {
  static constexpr std::string_view kName = "moe";
  int experts = 0, top_k = 0;
  std::int64_t ffn = 0;  // of one routed expert
  Activation activation = Activation::silu;
  bool gated = true;
  bool bias = false;
  bool normalised = false;        // the weights of a token's experts add up to 1
  std::optional<Dense> shared{};  // all shared experts as one
  bool operator==(const Moe&) const = default;
};

using Mixer = std::variant<std::monostate, Gqa, Mla, Mamba2, SelfAndCross>;
using Mlp = std::variant<std::monostate, Dense, Moe>;

struct Norms {  // of the model's kind
  bool before_mixer = true, after_mixer = false;
  bool before_mlp = true, after_mlp = false;
  bool operator==(const Norms&) const = default;
};

struct Residual {
  bool parallel = false;  // mixer and MLP read the same sum, and both are added to it
  double scale = 1.0;     // of what a block adds
  bool operator==(const Residual&) const = default;
};

struct LayerSpec {
  Norms norms{};
  Residual residual{};
  Mixer mixer{};
  Mlp mlp{};
  bool operator==(const LayerSpec&) const = default;
};

// How a rank holds key/value heads: `heads` of them, each together with `copies` - 1 other tp ranks.
struct KvShare {
  int heads = 1, copies = 1;
};

// Of `kv_heads` over `tp` ranks; nullopt where neither divides the other.
constexpr std::optional<KvShare> kv_share(int kv_heads, int tp) {
  if (kv_heads % tp == 0) return KvShare{.heads = kv_heads / tp, .copies = 1};
  if (tp % kv_heads == 0) return KvShare{.heads = 1, .copies = tp / kv_heads};
  return std::nullopt;
}

}  // namespace perfbench
