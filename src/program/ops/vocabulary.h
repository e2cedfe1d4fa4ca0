// Ops on the vocabulary: the embedding and the loss.
// Letters: T local tokens, H hidden, V local vocabulary rows.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "program/axis.h"
#include "program/ops/operand.h"

namespace perfbench {

struct Embedding {
  static constexpr std::string_view kName = "embedding";
  static constexpr OpClass kClass = OpClass::bytes;
  In tokens{}, weight{};  // (T), (V, H)
  Out out{};              // (T, H); partial over `axis` where the rows of the weight are split along it
  Axis axis = Axis::tp;
  static constexpr auto operands() {
    return std::tuple{Field{"tokens", &Embedding::tokens}, Field{"weight", &Embedding::weight},
                      Field{"out", &Embedding::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"axis", &Embedding::axis, Signs::never}}; }
};

struct EmbeddingBackward {
  static constexpr std::string_view kName = "embedding_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dout{}, tokens{}, weight{};  // (T, H), (T), (V, H): only the shape of the weight is read
  Out dw{};                       // (V, H)
  Axis axis = Axis::tp;
  static constexpr auto operands() {
    return std::tuple{Field{"dout", &EmbeddingBackward::dout}, Field{"tokens", &EmbeddingBackward::tokens},
                      Field{"weight", &EmbeddingBackward::weight}, Field{"dw", &EmbeddingBackward::dw}};
  }
  static constexpr auto fields() { return std::tuple{Field{"axis", &EmbeddingBackward::axis, Signs::never}}; }
};

// This rank's share of the mean over the target tokens of the global batch: each weighs 1 / (their number), which is
// data of the step and the only factor anywhere. A negative target is no target.
struct CrossEntropy {
  static constexpr std::string_view kName = "cross_entropy";
  static constexpr OpClass kClass = OpClass::bytes;
  In logits{}, targets{}, weight{};  // (T, V), (T), (1) float32
  Out loss{};                        // (1) float32
  Out lse{};                         // (T) float32; eager: all log-probabilities, (T, V) float32
  Axis axis = Axis::tp;              // the vocabulary is split along it
  std::int64_t vocab = 0;            // of the whole model; rows beyond are padding and take no part
  bool eager = false;                // a chain of kernels over FP32 copies of the logits
  static constexpr auto operands() {
    return std::tuple{Field{"logits", &CrossEntropy::logits}, Field{"targets", &CrossEntropy::targets},
                      Field{"weight", &CrossEntropy::weight}, Field{"loss", &CrossEntropy::loss},
                      Field{"lse", &CrossEntropy::lse}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &CrossEntropy::axis, Signs::never}, Field{"vocab", &CrossEntropy::vocab},
                      Field{"eager", &CrossEntropy::eager, Signs::where_set}};
  }
};

struct CrossEntropyBackward {
  static constexpr std::string_view kName = "cross_entropy_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In logits{}, targets{}, weight{}, lse{};
  Out dlogits{};  // (T, V)
  Axis axis = Axis::tp;
  std::int64_t vocab = 0;
  bool eager = false;
  static constexpr auto operands() {
    return std::tuple{Field{"logits", &CrossEntropyBackward::logits}, Field{"targets", &CrossEntropyBackward::targets},
                      Field{"weight", &CrossEntropyBackward::weight}, Field{"lse", &CrossEntropyBackward::lse},
                      Field{"dlogits", &CrossEntropyBackward::dlogits}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &CrossEntropyBackward::axis, Signs::never},
                      Field{"vocab", &CrossEntropyBackward::vocab},
                      Field{"eager", &CrossEntropyBackward::eager, Signs::where_set}};
  }
};

}  // namespace perfbench
