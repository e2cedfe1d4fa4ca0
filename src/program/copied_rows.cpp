#include "program/copied_rows.h"

namespace perfbench {

std::vector<RowRange> copied_rows(const Program& program, ValueId weight) {
  std::vector<RowRange> ranges;
  std::int64_t row = 0;
  for (const Piece& piece : program.pieces(weight)) {
    const bool adjoins = !ranges.empty() && ranges.back().first + ranges.back().rows == row;
    if (piece.copies > 1 && adjoins) {
      ranges.back().rows += piece.rows;
    } else if (piece.copies > 1) {
      ranges.push_back({.first = row, .rows = piece.rows});
    }
    row += piece.rows;
  }
  return ranges;
}

std::int64_t summed_bytes(const ReduceCopiedRows& op, const Program& program) {
  const ValueType& type = program.type(op.main_grad.id != kNoValue ? op.main_grad.id : op.dw.id);
  return type.bytes() / type.shape[0] * op.rows;
}

}  // namespace perfbench
