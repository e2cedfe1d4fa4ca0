// Experts: the router, and the way of a token's rows to its experts and back.
// Letters: T local tokens of the stream, H hidden, E experts, k experts a token, e experts of one rank, S ranks whose
// tokens meet (ep x etp), R rows, N and K a product's dims.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "job/terms.h"
#include "program/ops/operand.h"

namespace perfbench {

// Scores are the softmax of the logits over all experts; the k highest are chosen, the lower number first where two
// are equal, in the order of their scores.
struct Route {
  static constexpr std::string_view kName = "route";
  static constexpr OpClass kClass = OpClass::bytes;
  In logits{};               // (T, E)
  In numbers{};              // (T) of the tokens in the global batch: logits are drawn from them instead
  Out choices{}, weights{};  // (T, k) int64, (T, k) float32
  std::int64_t top_k = 1;
  bool normalised = false;  // weights of a token add up to 1
  std::int64_t salt = 0;    // of a draw: other layers draw otherwise
  static constexpr auto operands() {
    return std::tuple{Field{"logits", &Route::logits}, Field{"numbers", &Route::numbers},
                      Field{"choices", &Route::choices}, Field{"weights", &Route::weights}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"top_k", &Route::top_k}, Field{"normalised", &Route::normalised},
                      Field{"salt", &Route::salt, Signs::never}};
  }
};

struct RouteBackward {  // drawn logits pass their gradient on to those that they stand for
  static constexpr std::string_view kName = "route_backward";
  static constexpr OpClass kClass = OpClass::bytes;
  In dweights{}, logits{}, numbers{}, choices{};
  Out dlogits{};  // (T, E)
  bool normalised = false;
  std::int64_t salt = 0;
  static constexpr auto operands() {
    return std::tuple{Field{"dweights", &RouteBackward::dweights}, Field{"logits", &RouteBackward::logits},
                      Field{"numbers", &RouteBackward::numbers}, Field{"choices", &RouteBackward::choices},
                      Field{"dlogits", &RouteBackward::dlogits}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"normalised", &RouteBackward::normalised},
                      Field{"salt", &RouteBackward::salt, Signs::never}};
  }
};

// Rows are sorted by expert; those of one expert are in the order of the tokens. Where an expert takes `capacity` rows,
// it has as many places; of more tokens those with the lowest weights are dropped, the later ones first where weights
// are equal.
struct PlaceRows {
  static constexpr std::string_view kName = "place_rows";
  static constexpr OpClass kClass = OpClass::bytes;
  In choices{};  // (T, k)
  In weights{};  // (T, k), with a capacity
  Out places{};  // (T, k) int64: the row that goes to the choice; -1: dropped
  Out counts{};  // (1, E) int64: rows of each expert
  std::int64_t experts = 1;
  std::int64_t capacity = 0;  // of an expert; 0: all
  static constexpr auto operands() {
    return std::tuple{Field{"choices", &PlaceRows::choices}, Field{"weights", &PlaceRows::weights},
                      Field{"places", &PlaceRows::places}, Field{"counts", &PlaceRows::counts}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"experts", &PlaceRows::experts}, Field{"capacity", &PlaceRows::capacity, Signs::where_set}};
  }
};

// How many rows each rank of ep x etp has for each expert; the host waits for it, since it issues what follows by it.
struct ShareCounts {
  static constexpr std::string_view kName = "share_counts";
  static constexpr OpClass kClass = OpClass::collective;
  static constexpr bool kTurnsView = true;
  In counts{};  // (1, E), of the dense view
  Out all{};    // (S, E), of the expert view; by etp, then by ep
  static constexpr auto operands() {
    return std::tuple{Field{"counts", &ShareCounts::counts}, Field{"all", &ShareCounts::all}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct Permute {  // a copy of each token for each of its choices; places that nobody has are zero
  static constexpr std::string_view kName = "permute";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{}, places{};           // (T, H), (T, k)
  In weights{};               // (T, k) or absent
  Out rows{};                 // (R, H)
  Out row_weights{};          // (R) float32, with the weights
  std::int64_t num_rows = 0;  // R
  static constexpr auto operands() {
    return std::tuple{Field{"x", &Permute::x}, Field{"places", &Permute::places}, Field{"weights", &Permute::weights},
                      Field{"rows", &Permute::rows}, Field{"row_weights", &Permute::row_weights}};
  }
  static constexpr auto fields() { return std::tuple{Field{"num_rows", &Permute::num_rows}}; }
};

struct Unpermute {  // the sum of a token's rows; the other way of Permute, and its backward
  static constexpr std::string_view kName = "unpermute";
  static constexpr OpClass kClass = OpClass::bytes;
  In rows{}, places{};  // (R, H), (T, k)
  In row_weights{};     // (R) or absent
  Out y{};              // (T, H)
  Out weights{};        // (T, k) float32, with the row weights; 0 where dropped
  static constexpr auto operands() {
    return std::tuple{Field{"rows", &Unpermute::rows}, Field{"places", &Unpermute::places},
                      Field{"row_weights", &Unpermute::row_weights}, Field{"y", &Unpermute::y},
                      Field{"weights", &Unpermute::weights}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

// Rows go to the ranks of ep that have their experts (from the dense to the expert view), or, `back`, to those that
// sent them. What arrives is in the order of the ranks it comes from; rows of one rank keep their order. Without
// counts each rank sends and receives as much to and from every other.
struct AllToAll {
  static constexpr std::string_view kName = "all_to_all";
  static constexpr OpClass kClass = OpClass::collective;
  static constexpr bool kTurnsView = true;
  In x{};                    // (R, H)
  In weights{};              // (R) float32 or absent
  In counts{};               // (S, E) or absent
  Out out{}, out_weights{};  // the same of the other view; R is then a mean where there are counts
  bool back = false;
  // What a dispatcher that sends a token once to each rank moves follows from these.
  Dispatcher dispatcher = Dispatcher::all_to_all;
  Gate gate = Gate::topk;
  std::int64_t experts = 1, top_k = 1;
  static constexpr auto operands() {
    return std::tuple{Field{"x", &AllToAll::x}, Field{"weights", &AllToAll::weights},
                      Field{"counts", &AllToAll::counts}, Field{"out", &AllToAll::out},
                      Field{"out_weights", &AllToAll::out_weights}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"back", &AllToAll::back}, Field{"dispatcher", &AllToAll::dispatcher, Signs::never},
                      Field{"gate", &AllToAll::gate, Signs::never}, Field{"experts", &AllToAll::experts, Signs::never},
                      Field{"top_k", &AllToAll::top_k, Signs::never}};
  }
};

// What came rank by rank, and of each rank expert by expert, is put expert by expert, and of each expert rank by rank;
// or, `back`, the other way. Where a rank has one expert, or hears of one rank, nothing is to be done.
struct Regroup {
  static constexpr std::string_view kName = "regroup";
  static constexpr OpClass kClass = OpClass::bytes;
  In x{}, weights{}, counts{};  // (R, H); (R) or absent; (S, E), absent where all parts are equal
  Out out{}, out_weights{};
  bool back = false;
  std::int64_t sources = 1, experts = 1;  // S, e
  static constexpr auto operands() {
    return std::tuple{Field{"x", &Regroup::x}, Field{"weights", &Regroup::weights}, Field{"counts", &Regroup::counts},
                      Field{"out", &Regroup::out}, Field{"out_weights", &Regroup::out_weights}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"back", &Regroup::back}, Field{"sources", &Regroup::sources},
                      Field{"experts", &Regroup::experts}};
  }
};

// Of each expert's rows: out = a b^T, or a b, with the expert's own b. Rows lie expert by expert.
struct GroupedMatmul {
  static constexpr std::string_view kName = "grouped_matmul";
  static constexpr OpClass kClass = OpClass::product;
  In a{}, b{};              // (R, K), and (e, N, K) with transpose_b, else (e, K, N)
  In scale_a{}, scale_b{};  // (1) float32 each where the operands are FP8
  In counts{};              // (S, E), absent where all experts have as many rows
  Out out{};                // (R, N)
  bool transpose_b = true;
  static constexpr auto operands() {
    return std::tuple{Field{"a", &GroupedMatmul::a},
                      Field{"b", &GroupedMatmul::b},
                      Field{"scale_a", &GroupedMatmul::scale_a},
                      Field{"scale_b", &GroupedMatmul::scale_b},
                      Field{"counts", &GroupedMatmul::counts},
                      Field{"out", &GroupedMatmul::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transpose_b", &GroupedMatmul::transpose_b}}; }
};

struct GroupedWeightGrad {  // of each expert: dw = dy^T x of its rows
  static constexpr std::string_view kName = "grouped_weight_grad";
  static constexpr OpClass kClass = OpClass::product;
  In dy{}, x{};              // (R, N), (R, K), or with `transposed` (N, R), (K, R)
  In scale_dy{}, scale_x{};  // (1) float32 each where the operands are FP8
  In counts{};
  Out dw{};  // (e, N, K)
  std::int64_t experts = 1;
  bool transposed = false;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &GroupedWeightGrad::dy},
                      Field{"x", &GroupedWeightGrad::x},
                      Field{"scale_dy", &GroupedWeightGrad::scale_dy},
                      Field{"scale_x", &GroupedWeightGrad::scale_x},
                      Field{"counts", &GroupedWeightGrad::counts},
                      Field{"dw", &GroupedWeightGrad::dw}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"experts", &GroupedWeightGrad::experts},
                      Field{"transposed", &GroupedWeightGrad::transposed}};
  }
};

struct GroupedWeightGradAccumulate {  // main_grad += the same, in one kernel an expert
  static constexpr std::string_view kName = "grouped_weight_grad_accumulate";
  static constexpr OpClass kClass = OpClass::product;
  In dy{}, x{};
  In scale_dy{}, scale_x{};
  In counts{};
  InOut main_grad{};  // (e, N, K)
  bool transposed = false;
  static constexpr auto operands() {
    return std::tuple{Field{"dy", &GroupedWeightGradAccumulate::dy},
                      Field{"x", &GroupedWeightGradAccumulate::x},
                      Field{"scale_dy", &GroupedWeightGradAccumulate::scale_dy},
                      Field{"scale_x", &GroupedWeightGradAccumulate::scale_x},
                      Field{"counts", &GroupedWeightGradAccumulate::counts},
                      Field{"main_grad", &GroupedWeightGradAccumulate::main_grad}};
  }
  static constexpr auto fields() { return std::tuple{Field{"transposed", &GroupedWeightGradAccumulate::transposed}}; }
};

}  // namespace perfbench
