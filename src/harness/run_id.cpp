#include "harness/run_id.h"

#include "base/error.h"
#include "base/json.h"
#include "harness/digest.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

constexpr std::size_t kDigits = 12;

}  // namespace

void RunId::add(const Row& row) {
  check(row.run.empty(), "RunId::add: the row has an id already");
  digest_ = digest(digest_ + dump_json(to_json(row), -1));
}

std::string RunId::text() const { return digest_.substr(0, kDigits); }

}  // namespace perfbench
