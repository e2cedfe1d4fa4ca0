#include "program/datum.h"

namespace perfbench {

DatumForm form_of(Datum datum) {
  switch (datum) {
    case Datum::token:
      return {.name = "tokens"};
    case Datum::target:
      return {.name = "targets"};
    case Datum::position:
      return {.name = "positions"};
    case Datum::stream_position:
      return {.name = "stream_positions", .spread = Spread::stream};
    case Datum::start:
      return {.name = "starts"};
    case Datum::loss_weight:
      return {.name = "loss_weight", .dtype = DType::f32, .spread = Spread::everywhere};
    case Datum::choice:
      return {.name = "choices", .spread = Spread::stream};
    case Datum::gate_weight:
      return {.name = "gate_weights", .dtype = DType::f32, .spread = Spread::stream};
    case Datum::token_number:
      return {.name = "token_numbers", .spread = Spread::stream};
  }
  return {};
}

}  // namespace perfbench
