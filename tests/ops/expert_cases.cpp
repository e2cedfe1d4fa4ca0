// Letters: T tokens, H width, E experts, k of them a token, C rows that an expert takes, F expert width, e bytes of an
// element.
#include "ops/expert_cases.h"

#include "ops/make_case.h"

namespace perfbench {
namespace {

constexpr double T = 13, H = 6, E = 6, k = 2;

// The input's rows are the logits, too, so that no rounding before them chooses other experts.
Route route(Builder& b, ValueId x, bool normalised) {
  Route op{.logits = {x}, .top_k = 2, .normalised = normalised};
  return b.emit(op, {"choices", "weights"});
}

void routes(std::vector<OpCase>& cases, DType dtype) {
  const double e = size_bytes(dtype), bytes = e * T * E + 12 * T * k;
  for (const bool normalised : {false, true}) {
    const std::string name = normalised ? "route_normalised" : "route";
    cases.push_back(make(name, Route::kName, plain(dtype), {0, bytes}, [=](Builder& b, Program& p) {
      return route(b, input(b, p, {13, 6}), normalised).weights.id;
    }));
  }
  const Count drawn{0, e * T * E + 12 * T * 3 + 8 * T};  // three a token
  cases.push_back(make("route_drawn", Route::kName, plain(dtype), drawn, [](Builder& b, Program& p) {
    Route op{.logits = {input(b, p, {13, 6})}, .numbers = {b.data(Datum::token_number, {13})}};
    op.top_k = 3;
    op.normalised = true;
    op.salt = 5;
    return b.emit(op, {"choices", "weights"}).weights.id;
  }));
}

struct Rows {
  ValueId rows = kNoValue, weights = kNoValue, places = kNoValue, counts = kNoValue;
};

// To the experts of the one rank that there is.
Rows dispatched(Builder& b, ValueId x, std::int64_t capacity) {
  const Route chosen = route(b, x, true);
  PlaceRows placed{.choices = {chosen.choices.id}, .experts = 6, .capacity = capacity};
  if (capacity > 0) placed.weights = {chosen.weights.id};
  placed = b.emit(placed, {"places", capacity > 0 ? nullptr : "counts"});
  Rows rows{.places = placed.places.id};
  if (capacity == 0) rows.counts = b.emit(ShareCounts{.counts = {placed.counts.id}}, {"all"}).all.id;
  const Permute sent = b.emit(Permute{.x = {x},
                                      .places = {rows.places},
                                      .weights = {chosen.weights.id},
                                      .num_rows = capacity > 0 ? 6 * capacity : 26},
                              {"rows", "row_weights"});
  const AllToAll there{.x = {sent.rows.id}, .weights = {sent.row_weights.id}, .counts = {rows.counts}};
  const AllToAll arrived = b.emit(there, {"rows", "row_weights"});
  const Regroup by_expert{.x = {arrived.out.id}, .weights = {arrived.out_weights.id}, .counts = {rows.counts}};
  Regroup sorted = by_expert;
  sorted.experts = 6;
  sorted = b.emit(sorted, {"rows", "row_weights"});
  rows.rows = sorted.out.id;
  rows.weights = sorted.out_weights.id;
  return rows;
}

ValueId matrices(Builder& b, const char* name, Shape shape) { return b.weight(name, shape, kReplicated, {}); }

ValueId expert_mlp(Builder& b, Program& p, std::int64_t capacity) {
  const Rows rows = dispatched(b, input(b, p, {13, 6}), capacity);
  const GroupedMatmul up{.a = {rows.rows}, .b = {matrices(b, "up", {6, 10, 6})}, .counts = {rows.counts}};
  const SwiGlu act{.x = {b.emit(up, {"gate_up"}).out.id}, .weights = {rows.weights}};
  const GroupedMatmul down{
      .a = {b.emit(act, {"act"}).y.id}, .b = {matrices(b, "down", {6, 6, 5})}, .counts = {rows.counts}};
  const Regroup back{.x = {b.emit(down, {"out"}).out.id}, .counts = {rows.counts}, .back = true, .experts = 6};
  const AllToAll home{.x = {b.emit(back, {"out", nullptr}).out.id}, .counts = {rows.counts}, .back = true};
  const Unpermute sum{.rows = {b.emit(home, {"out", nullptr}).out.id}, .places = {rows.places}};
  return b.emit(sum, {"y", nullptr}).y.id;
}

void layers(std::vector<OpCase>& cases, DType dtype) {
  const double e = size_bytes(dtype);
  const Count permute{0, e * (T * H + T * k * H) + 8 * T * k + 4 * T * k + 4 * T * k};
  const auto layer = [](std::int64_t capacity) -> Forward {
    return [=](Builder& b, Program& p) { return expert_mlp(b, p, capacity); };
  };
  Policy policy = plain(dtype);
  cases.push_back(make("experts_fused", Permute::kName, policy, permute, layer(0)));
  policy.fused_grad_accumulation = false;
  cases.push_back(make("experts", Permute::kName, policy, permute, layer(0)));
  // Places for 3 rows of each expert: some are dropped, some stay empty.
  cases.push_back(make("experts_capacity", PlaceRows::kName, policy, {0, 8 * T * k + 4 * T * k + 8 * T * k}, layer(3)));
}

void products(std::vector<OpCase>& cases, DType dtype) {
  const double e = size_bytes(dtype), R = T * k, N = 10;
  const Count count{2 * R * N * H, e * (R * H + E * N * H + R * N) + 8 * E};
  cases.push_back(make("grouped_matmul", GroupedMatmul::kName, plain(dtype), count, [](Builder& b, Program& p) {
    const Rows rows = dispatched(b, input(b, p, {13, 6}), 0);
    const GroupedMatmul op{.a = {rows.rows}, .b = {matrices(b, "up", {6, 10, 6})}, .counts = {rows.counts}};
    return b.emit(op, {"out"}).out.id;
  }));
}

}  // namespace

void expert_cases(std::vector<OpCase>& cases, DType dtype) {
  routes(cases, dtype);
  layers(cases, dtype);
  products(cases, dtype);
}

}  // namespace perfbench
