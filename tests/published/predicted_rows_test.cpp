// Every published dense row, predicted: near its tokens/s, and nearer on average. The errors themselves are in
// docs/cost_model.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "accuracy/known_rows.h"
#include "accuracy/report.h"

namespace perfbench {
namespace {

const AccuracyReport& report() {
  static const AccuracyReport report = [] {
    const Catalog catalog(PERFBENCH_SOURCE_DIR "/model_configs");
    return accuracy_report(known_rows(catalog), LeaveOut::release, "release");
  }();
  return report;
}

const GroupAccuracy& group(const std::string& name) {
  const auto found = std::ranges::find_if(report().groups, [&](const GroupAccuracy& g) { return g.name == name; });
  if (found == report().groups.end()) throw std::runtime_error("no group " + name);
  return *found;
}

TEST(PredictedRows, AllDenseRowsWithNumbersArePredicted) {
  for (const UnpredictedRow& row : report().known.unpredicted) {
    const bool known_gap =
        row.has_experts || row.reason.find("Mamba") != std::string::npos || row.document == "dfm_wan";
    EXPECT_TRUE(known_gap) << row.published.row << ": " << row.reason;
  }
  EXPECT_EQ(group("fp8_tables").rows, 37);  // 39 rows, of which 2 are odd
  EXPECT_EQ(group("automodel").rows, 7);    // six of LoRA, and Qwen3-MoE
}

// Rows of a recipe that no Program has are predicted in another.
TEST(PredictedRows, EachIsWithin30PercentOfThePublishedTokensPerSecond) {
  for (const KnownRow& row : report().known.rows) {
    if (!row.odd.empty() || row.other_format) continue;
    EXPECT_NEAR(row.predicted_tokens_per_s / row.published_tokens_per_s, 1.0, 0.30) << row.published.row;
  }
}

TEST(PredictedRows, WhatRanFits) {
  for (const KnownRow& row : report().known.rows)
    EXPECT_TRUE(row.fits) << row.published.row << " needs " << row.peak_memory_gib.value_or(0.0) << " GiB";
}

TEST(PredictedRows, TheMeanErrorIsSmall) {
  EXPECT_LT(group("fp8_tables").predicted->mape_percent, 5.0);
  EXPECT_LT(group("automodel").predicted->mape_percent, 6.0);
}

TEST(PredictedRows, ReleasesThatTheFitDidNotSeeArePredicted) {
  EXPECT_LT(group("megatron_other_releases_dense").left_out->mape_percent, 6.5);
  EXPECT_LT(group("megatron_other_releases_dense").left_out->median_percent, 4.0);
  EXPECT_LT(group("fsdp").left_out->mape_percent, 9.0);
  EXPECT_GT(*group("all").left_out->coverage_percent, 72.0);
  EXPECT_LT(*group("all").left_out->coverage_percent, 88.0);
}

}  // namespace
}  // namespace perfbench
