// What ties the files of one result together.
#pragma once

#include <string>

#include "rows/row.h"

namespace perfbench {

// 12 hex digits over the rows of a run in their order, as they are written but for `run` itself. Equal rows give one
// id, on every machine and after every resume; the rows of two measurements are never equal.
class RunId {
 public:
  void add(const Row& row);
  std::string text() const;

 private:
  std::string digest_;
};

}  // namespace perfbench
