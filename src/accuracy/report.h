// What `perfbench accuracy` prints.
#pragma once

#include <string>
#include <vector>

#include "accuracy/groups.h"
#include "accuracy/known_rows.h"
#include "accuracy/left_out.h"
#include "accuracy/spread.h"

namespace perfbench {

// One software's likely range, as the left-out rows give it now; the stack files hold the one that rows have.
struct SoftwareSpread {
  std::string software;
  Spread spread;
};

struct AccuracyReport {
  KnownRows known{};
  LeaveOut what = LeaveOut::row;
  std::string what_word{};  // "row"
  LeftOut out{};
  RobustFit all{};  // the fit that sees every row
  std::vector<GroupAccuracy> groups{};
  std::vector<SoftwareSpread> spreads{};
};

AccuracyReport accuracy_report(KnownRows known, LeaveOut what, std::string what_word);

std::string accuracy_terminal(const AccuracyReport& report);
// {"leave_out", "groups": [...], "constants": [...], "spreads": [...], "rows": [...], "unpredicted": [...]}; percents
// are of published tokens/s.
std::string accuracy_json(const AccuracyReport& report);

}  // namespace perfbench
