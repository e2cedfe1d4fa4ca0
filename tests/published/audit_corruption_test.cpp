// Sound rows with one cell made wrong: where other cells determine it, the audit notices. Every corruption there is of
// each sound row is tried, so no seed is needed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/audit.h"
#include "audit/read_tables.h"
#include "audit/rules.h"
#include "base/file.h"
#include "base/text.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(PERFBENCH_SOURCE_DIR) / "model_configs";

// Those of other releases have the same columns, and are many.
constexpr std::array<std::string_view, 4> kTables{"aws_performance.csv", "automodel_h100_bf16.csv", "dfm_wan.csv",
                                                  "nemo_2504_fp8.csv"};

// What no other cell of the documents determines, and why. docs/audit.md has the same table.
struct Undetermined {
  std::string_view tables;  // a part of their names; empty: of all
  std::string_view name;
  std::string_view reason;
};

constexpr Undetermined kUndetermined[] = {
    {"", "vp", "several numbers of chunks deal out the same layers"},
    {"", "ep", "every divisor of the experts is possible"},
    {"nemo_2504", "fsdp", "a flag that no other cell depends on"},
    {"automodel", "mbs", "only LBS, which it divides, depends on it"},
    {"aws_performance", "seq_len", "no result is printed, and the commands leave it out"},
    {"dfm_wan", "seq_len", "neither tokens/s nor a step time is printed"},
    {"dfm_wan", "gbs", "no GA is printed: what divides is possible"},
    {"dfm_wan", "mbs", "no GA is printed: what divides is possible"},
    {"dfm_wan", "fsdp", "a flag that no other cell depends on"},
    {"dfm_wan", "sp", "a flag that no other cell depends on"},
    {"dfm_wan", "model_tflops_per_gpu", "neither tokens/s nor a step time is printed"},
};

bool is_undetermined(const AuditedRow& row, std::string_view name) {
  for (const Undetermined& cell : kUndetermined)
    if (cell.name == name && row.table.find(cell.tables) != std::string::npos) return true;
  const bool no_dp = row.table == "dfm_wan.csv" && !figure_of(row, "dp");
  // Without GA and DP nothing ties these to each other but that they divide.
  if (no_dp && (name == "num_gpus" || name == "tp" || name == "pp" || name == "cp")) return true;
  // GPT-3 prints no TFLOP/s, so tokens/s and the length stand alone.
  const bool no_tflops = row.table == "nemo_2504_fp8.csv" && !figure_of(row, "model_tflops_per_gpu");
  if (no_tflops && (name == "tokens_per_s_per_gpu" || name == "seq_len")) return true;
  // Attention of packed samples is under 1 % of the FLOPs, whatever the pack's length.
  return name == "seq_len" && row.task != Task::pretrain && row.table == "nemo_2504_fp8.csv";
}

// Only the product of these is determined.
bool is_axis_of_replica(std::string_view name) { return name == "tp" || name == "pp" || name == "cp"; }

bool is_number(const AuditedCell& cell) {
  return cell.name != "model" && cell.name != "task" && cell.name != "kerneloptimizations" &&
         parse_double(cell.text).has_value();
}

bool is_figure(const AuditedCell& cell) {
  return cell.name == "step_time_s" || cell.name == "tokens_per_s_per_gpu" || cell.name == "model_tflops_per_gpu";
}

// The texts that a cell may be corrupted to; no-ops are left out.
std::vector<std::string> corrupted(const AuditedCell& cell) {
  std::vector<std::string> texts;
  if (is_figure(cell)) {
    const double value = *parse_double(cell.text);
    texts = {format_double(value * 1.1), format_double(value * 0.9)};
  } else {
    const std::int64_t value = *parse_int(cell.text);
    texts = {std::to_string(2 * value), std::to_string(value / 2), std::to_string(value + 1),
             std::to_string(value - 1)};
  }
  std::erase_if(texts, [&](const std::string& text) { return parse_double(text) == parse_double(cell.text); });
  return texts;
}

using Seen = std::set<std::tuple<std::string, std::string, std::string_view>>;

// Findings above info of the row, as column, printed text and rule.
Seen seen(const AuditInput& all, std::size_t table, const AuditedRow& row) {
  AuditInput one{.commands = all.commands};
  one.tables.push_back({.name = all.tables[table].name, .rows = {row}});
  Seen found;
  for (const Finding& finding : audit(one))
    if (finding.severity != Severity::info) found.insert({finding.column, finding.printed, finding.rule});
  return found;
}

struct Tally {
  int found = 0, all = 0;
  std::vector<std::string> missed{};

  void add(bool was_found, const std::string& what) {
    ++all;
    found += was_found ? 1 : 0;
    if (!was_found) missed.push_back(what);
  }
  double share() const { return all == 0 ? 1.0 : static_cast<double>(found) / all; }
};

struct Result {
  Tally determined{};
  std::map<std::string, Tally> undetermined{};  // by "table column"
  int rows = 0;
};

void corrupt_cells(const AuditInput& input, std::size_t table, const AuditedRow& row, Result& result) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (!is_number(row.cells[i])) continue;
    for (const std::string& text : corrupted(row.cells[i])) {
      AuditedRow bad = row;
      bad.cells[i].text = text;
      const bool found = !seen(input, table, bad).empty();
      const std::string what = row.id + " " + row.cells[i].heading + " " + row.cells[i].text + " -> " + text;
      if (is_undetermined(row, row.cells[i].name))
        result.undetermined[row.table + " " + row.cells[i].heading].add(found, what);
      else
        result.determined.add(found, what);
    }
  }
}

void swap_cells(const AuditInput& input, std::size_t table, const AuditedRow& row, Result& result) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    for (std::size_t j = i + 1; j < row.cells.size(); ++j) {
      const AuditedCell &a = row.cells[i], &b = row.cells[j];
      if (!is_number(a) || !is_number(b) || parse_double(a.text) == parse_double(b.text)) continue;
      AuditedRow bad = row;
      std::swap(bad.cells[i].text, bad.cells[j].text);
      const bool found = !seen(input, table, bad).empty();
      const std::string what = row.id + " " + a.heading + " <-> " + b.heading;
      const bool of_product = is_axis_of_replica(a.name) && is_axis_of_replica(b.name) &&
                              row.table != "aws_performance.csv";  // whose commands name each
      if (of_product || (is_undetermined(row, a.name) && is_undetermined(row, b.name)))
        result.undetermined[row.table + " " + a.heading + " <-> " + b.heading].add(found, what);
      else
        result.determined.add(found, what);
    }
  }
}

Result corrupt_all(const AuditInput& input) {
  Result result;
  for (std::size_t table = 0; table < input.tables.size(); ++table) {
    if (std::ranges::find(kTables, input.tables[table].name) == kTables.end()) continue;
    for (const AuditedRow& row : input.tables[table].rows) {
      if (!seen(input, table, row).empty()) continue;  // not sound
      ++result.rows;
      corrupt_cells(input, table, row, result);
      swap_cells(input, table, row, result);
    }
  }
  return result;
}

TEST(AuditCorruption, NineOfTenWrongCellsThatOthersDetermineAreFound) {
  const Facts facts{Catalog(kFolder)};
  const Result result = corrupt_all(read_audit_folder(kFolder / "published", facts));
  EXPECT_EQ(result.rows, 73 - 9);  // 000-10 to -13, 001-08, -16, -24, -28, 004-04
  EXPECT_GT(result.determined.all, 4000);
  EXPECT_GE(result.determined.share(), 0.9) << join(result.determined.missed, "\n");
  RecordProperty("found", result.determined.found);
  RecordProperty("of", result.determined.all);
  if (std::getenv("PERFBENCH_SHOW_MISSED") != nullptr) {
    std::printf("%d of %d found\n%s\n", result.determined.found, result.determined.all,
                join(result.determined.missed, "\n").c_str());
    for (const auto& [what, tally] : result.undetermined)
      std::printf("undetermined %s: %d of %d found\n", what.c_str(), tally.found, tally.all);
  }
}

TEST(AuditCorruption, TheDocumentListsEveryUndeterminedCellWithItsReason) {
  const std::string document = read_file(fs::path(PERFBENCH_SOURCE_DIR) / "docs" / "audit.md");
  for (const Undetermined& cell : kUndetermined)
    EXPECT_NE(document.find(cell.reason), std::string::npos) << cell.name << ": " << cell.reason;
}

}  // namespace
}  // namespace perfbench
