// The published tables audited as printed, with the known answers.
#include "audit/audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "audit/read_tables.h"
#include "audit/rules.h"
#include "audit/writers.h"
#include "base/csv.h"
#include "base/file.h"
#include "unit/support/golden.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(PERFBENCH_SOURCE_DIR) / "model_configs";

struct Published {
  Facts facts{Catalog(kFolder)};
  AuditInput input = read_audit_folder(kFolder / "published", facts);
  Findings findings = audit(input);
};

const Published& published() {
  static const Published kPublished;
  return kPublished;
}

TEST(Audit, FindsTheKnownFaultsOfThePublishedTables) {
  expect_golden("audit", findings_terminal(published().input, published().findings));
}

TEST(Audit, RowsWithoutAFaultOfTheirOwnGiveNothingAboveInfo) {
  const std::set<std::string> faulty{"",           "000-10",     "000-11",    "000-12", "000-13",       "001-08",
                                     "001-16",     "001-24",     "001-28",    "004-04", "nemo2502-008", "mb2509-004",
                                     "mb2509-008", "mb2511-009", "mb2511-030"};
  std::set<std::string> found;
  for (const Finding& finding : published().findings)
    if (finding.severity != Severity::info) found.insert(finding.row);
  EXPECT_EQ(found, faulty);
}

// What a document doesn't show needs another source: docs/audit.md lists these.
TEST(Audit, EveryCorrectionIsFoundOrListedAsNotDerivable) {
  const CsvTable corrections = read_csv(kFolder / "published" / "corrections.csv");
  const std::string document = read_file(fs::path(PERFBENCH_SOURCE_DIR) / "docs" / "audit.md");
  int found = 0;
  for (const CsvRow& row : corrections.rows) {
    const bool is_finding = std::ranges::any_of(published().findings, [&](const Finding& f) {
      return f.row == row.cells[0] && f.column == row.cells[1] && f.printed == row.cells[2] &&
             f.consistent == row.cells[3] && f.severity != Severity::info;
    });
    found += is_finding ? 1 : 0;
    if (is_finding) continue;
    EXPECT_NE(document.find("| " + row.cells[0] + " | " + row.cells[1] + " |"), std::string::npos)
        << row.cells[0] << " " << row.cells[1];
  }
  EXPECT_EQ(found, 16 + 4);  // of 25; five cite a configuration file or the most that can be
}

TEST(Audit, TheReportExplains164Of165Rows) {
  const Json report = flops_report_json(published().input);
  const auto& rows = std::get<Json::Array>(report.value);
  ASSERT_EQ(rows.size(), 165U);
  for (const Json& row : rows) {
    const std::string id = std::get<std::string>(row.find("row")->value);
    EXPECT_EQ(std::get<bool>(row.find("within")->value), id != "001-28") << id;
  }
  const std::string text = flops_report_terminal(published().input);
  EXPECT_NE(text.find("6476 tokens/s would fit, twice the printed; nemo_25.04 gives 6452 tokens/s"), std::string::npos);
}

TEST(Audit, TheDocumentHasTheTableOfRules) {
  const std::string document = read_file(fs::path(PERFBENCH_SOURCE_DIR) / "docs" / "audit.md");
  EXPECT_NE(document.find(audit_rules_markdown()), std::string::npos) << audit_rules_markdown();
}

}  // namespace
}  // namespace perfbench
