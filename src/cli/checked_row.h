// A row of a configuration table as a job, or why it is none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "spec/catalog.h"
#include "spec/config_table.h"
#include "spec/request.h"

namespace perfbench {

enum class RowVerdict { ok, unsupported, impossible };

constexpr std::string_view name(RowVerdict verdict) {
  switch (verdict) {
    case RowVerdict::ok:
      return "ok";
    case RowVerdict::unsupported:
      return "unsupported";
    case RowVerdict::impossible:
      return "impossible";
  }
  return "?";
}

struct CheckedRow {
  std::string file;   // as it was given
  std::string place;  // "model_configs_h100.csv:12", as messages have it
  int line = 0;
  Request request;
  RowVerdict verdict = RowVerdict::ok;
  std::string feature;  // unsupported: which
  std::string reason;   // unsupported: why
  std::vector<Problem> problems;
};

// `file` as it was given. Never throws for a row that is unsupported or impossible.
CheckedRow check_row(const std::string& file, const ConfigTable& table, const ConfigRow& row, const Catalog& catalog);

std::string layout_text(const Request& request);     // "tp4 pp8 vp5"; "-" where every axis is 1
std::string precision_text(const Request& request);  // "fp8cs"
std::string verdict_text(const CheckedRow& row);     // "unsupported, feature=cp"

}  // namespace perfbench
