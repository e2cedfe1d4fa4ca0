// What a step gives to its Programs beside states: numbers of the tokens of each microbatch, and of the step itself.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace perfbench {

enum class Datum : std::uint8_t {
  token,            // its id
  target,           // the id that should follow; negative: none
  position,         // in its sub-sequence
  stream_position,  // the same, of the rows of the stream between blocks
  start,            // where in its sample the sub-sequence starts
  loss_weight,      // 1 / (target tokens of the global batch)
  choice,           // the experts of a token, where no router chooses them: (T, k)
  gate_weight,      // what each of them counts: (T, k)
  token_number      // in the global batch
};

// Which ranks have the same of it.
enum class Spread : std::uint8_t {
  tokens,     // those of tp; other tokens on every rank of dp and cp
  stream,     // as the stream between blocks lies: under sequence parallelism split over tp, too
  everywhere  // all
};

struct DatumForm {
  const char* name = "";  // in listings
  DType dtype = DType::i64;
  Spread spread = Spread::tokens;
};

DatumForm form_of(Datum datum);

}  // namespace perfbench
