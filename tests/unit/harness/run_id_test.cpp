#include "harness/run_id.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "unit/rows/sample.h"

namespace perfbench {
namespace {

std::string id_of(const std::vector<Row>& rows) {
  RunId id;
  for (const Row& row : rows) id.add(row);
  return id.text();
}

Row blank_row() {
  Row row = sample_row();
  row.run.clear();
  return row;
}

TEST(RunId, EqualRowsHaveOneAndOthersAnother) {
  const Row row = blank_row();
  Row slower = row, noted = row;
  slower.samples_s.back() += 1e-12;
  noted.notes.emplace_back("another note");
  const std::string id = id_of({row});
  EXPECT_EQ(id.size(), 12U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(id, id_of({row}));
  EXPECT_NE(id, id_of({slower}));
  EXPECT_NE(id, id_of({noted}));
  EXPECT_NE(id, id_of({row, row}));
  EXPECT_NE(id_of({row, slower}), id_of({slower, row}));
}

TEST(RunId, IsOfRowsThatHaveNone) { EXPECT_THROW(RunId().add(sample_row()), std::logic_error); }

}  // namespace
}  // namespace perfbench
