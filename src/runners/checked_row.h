// A row of a configuration table, and the status that a prediction of it has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "job/catalog.h"
#include "job/config_table.h"
#include "job/request.h"
#include "rows/row.h"
#include "runners/plan_row.h"

namespace perfbench {

struct CheckedRow {
  std::string file;   // as it was given
  std::string place;  // "model_configs_h100.csv:12", as messages have it
  int line = 0;
  Request request;
  Status status = Status::ok;
  std::string feature{};            // of a status that is not ok: what is missing or does not fit
  std::string reason{};             // why the status is not ok
  std::vector<Problem> problems{};  // of a failed row: the rules that it, or a data file of its system, breaks
};

// What a sweep says of the row, found as a sweep finds it. `file` as it was given. Never throws for what is wrong with
// the row or with what it names.
CheckedRow check_row(const std::string& file, const ConfigTable& table, const ConfigRow& row, const Catalog& catalog,
                     RowPlanner& plan);

std::string layout_text(const Request& request);     // "tp4 pp8 vp5"; "-" where every axis is 1
std::string precision_text(const Request& request);  // "fp8cs"
// name(status), but "impossible" for failed: no row of a table fails otherwise than by a rule that it breaks.
std::string_view verdict(Status status);
std::string verdict_text(const CheckedRow& row);  // "unsupported, feature=cp"

}  // namespace perfbench
