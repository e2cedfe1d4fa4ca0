// The rows of a result as files, written row by row.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/whole_file.h"
#include "rows/row.h"

namespace perfbench {

enum class RowFile : std::uint8_t { csv, json, markdown };  // rows.csv, rows.json, rows.md

// Adds the files to a set and holds one row at a time. Their bytes are those of rows_csv(), rows_json() and
// rows_markdown() of all rows. All throw RunError; until the set is committed, old files stay.
class RowWriter {
 public:
  RowWriter(FileSet& files, std::initializer_list<RowFile> forms);
  void add(const Row& row);
  void finish();  // after the last row, before the set is committed

 private:
  struct Entry {
    RowFile form;
    WholeFile* file;  // of the set
  };
  std::vector<Entry> entries_;
  bool empty_ = true;
};

}  // namespace perfbench
