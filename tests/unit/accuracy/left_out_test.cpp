#include "accuracy/left_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "accuracy/error_range.h"
#include "accuracy/groups.h"
#include "base/error.h"

namespace perfbench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

// A row of one constant that is predicted `error` too fast.
KnownRow row_of(std::string id, std::string document, std::string model, double error, int num_gpus = 8) {
  KnownRow row{.document = std::move(document), .software = "megatron"};
  row.published.row = std::move(id);
  row.job.model.name = std::move(model);
  row.job.system.name = "h100";
  row.job.num_gpus = num_gpus;
  row.published_tokens_per_s = 1000.0;
  row.predicted_tokens_per_s = 1000.0 * std::exp(error);
  row.published_mfu = 0.4;
  row.slopes = {-0.1};
  return row;
}

KnownRows rows_of(std::vector<KnownRow> rows) {
  return {.rows = std::move(rows),
          .unpredicted = {},
          .unknowns = {{.key = "gemm_fp8", .owner = "megatron_2504", .value = 0.9, .prior = {0.9, 0.1}}}};
}

TEST(Unknown, StandsSomeDeviationsFromItsPrior) {
  const Unknown unknown{.key = "gemm_fp8", .owner = "physics", .value = 0.8, .prior = {0.9, 0.05}};
  EXPECT_DOUBLE_EQ(unknown.at(unknown.place()), 0.8);
  EXPECT_DOUBLE_EQ(unknown.at(0.0), 0.9);
  EXPECT_LT(unknown.place(), 0.0);
}

TEST(Weights, ASeriesCountsOnceAndAnOddRowNever) {
  KnownRows known = rows_of({row_of("a", "x", "m", 0.0, 8), row_of("b", "x", "m", 0.0, 16),
                             row_of("c", "y", "m", 0.0, 8), row_of("d", "x", "n", 0.0), row_of("e", "x", "o", 0.0)});
  known.rows[3].odd = "contradicts itself";
  known.rows[4].other_format = true;
  EXPECT_THAT(fit_weights(known), ElementsAre(0.5, 0.5, 1.0, 0.0, 0.0));
  EXPECT_THAT(mean_weights(known), ElementsAre(0.5, 0.5, 1.0, 0.0, 1.0));
}

// Both are 5 % too fast, where the shared constant moves both and the other the row with experts alone. The dense row
// asks as much of the shared constant as without the other row; the row with experts asks the rest of its own.
TEST(Fit, RowsWithExpertsDecideWhatIsOfExpertsAlone) {
  KnownRows dense = rows_of({row_of("a", "x", "m", 0.05)});
  dense.unknowns.push_back({.key = "gemm_grouped", .owner = "physics", .value = 0.8, .prior = {0.8, 0.1}});
  dense.rows[0].slopes = {-0.1, 0.0};
  KnownRows both = dense;
  both.rows.push_back(row_of("b", "x", "n", 0.05));
  both.rows[1].slopes = {-0.1, -0.1};
  both.rows[1].job.model.kinds = {{.mlp = Moe{.experts = 8, .top_k = 2}}};
  both.rows[1].job.model.layers = {0};
  const RobustFit alone = fit_all(dense), fit = fit_all(both);
  EXPECT_EQ(fit.moves[0], alone.moves[0]);
  EXPECT_EQ(alone.moves[1], 0.0);
  // (0.05 - 0.1 shared) - 0.1 own is weighed against own, both in 5 %: own = 4 / 5 of what is left, in deviations.
  const double left = 0.05 - 0.1 * alone.moves[0];
  EXPECT_NEAR(fit.moves[1], 0.8 * left / 0.1, 1e-9);
}

TEST(LeftOut, AReleaseGoesWithItsConfigurationsElsewhere) {
  const KnownRows known = rows_of({row_of("a", "x", "m", 0.04), row_of("b", "y", "m", 0.04), row_of("c", "y", "n", 0.0),
                                   row_of("d", "x", "o", 0.04)});
  const LeftOut out = left_out(known, LeaveOut::release);
  EXPECT_THAT(out.fold_names, ElementsAre("x", "y"));
  // Without x and y's row of the same configuration only c is left, which is right already.
  EXPECT_NEAR(out.errors[0], 0.04, 1e-12);
  EXPECT_NEAR(out.errors[3], 0.04, 1e-12);
  // Without y and x's row of the same configuration d is left: 4 (0.04 - 0.1 m)^2 / 0.01 + m^2 is least where m = 0.32.
  EXPECT_NEAR(out.errors[1], 0.04 - 0.1 * 0.32, 1e-9);
  EXPECT_NEAR(out.errors[2], 0.0 - 0.1 * 0.32, 1e-9);
}

TEST(LeftOut, ARowGoesWithItsSeries) {
  const KnownRows known = rows_of({row_of("a", "x", "m", 0.04, 8), row_of("b", "x", "m", 0.04, 16)});
  const LeftOut out = left_out(known, LeaveOut::row);
  EXPECT_THAT(out.errors, ElementsAre(DoubleNear(0.04, 1e-12), DoubleNear(0.04, 1e-12)));
}

TEST(WeightedQuantile, LiesBetweenTheMiddlesOfTheWeights) {
  EXPECT_DOUBLE_EQ(weighted_quantile({{3.0, 1.0}, {1.0, 1.0}, {2.0, 1.0}}, 0.5), 2.0);
  EXPECT_DOUBLE_EQ(weighted_quantile({{1.0, 1.0}, {2.0, 1.0}}, 0.5), 1.5);
  EXPECT_DOUBLE_EQ(weighted_quantile({{1.0, 3.0}, {2.0, 1.0}}, 0.5), 1.25);
  EXPECT_DOUBLE_EQ(weighted_quantile({{1.0, 1.0}, {2.0, 1.0}}, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(weighted_quantile({{1.0, 1.0}, {2.0, 1.0}}, 1.0), 2.0);
}

TEST(ErrorRange, FewDocumentsMakeItWider) {
  std::vector<KnownRow> two, many;
  for (int i = 0; i < 20; ++i) {
    const double error = 0.01 * (i - 10);
    two.push_back(row_of(std::to_string(i), i % 2 == 0 ? "x" : "y", "m" + std::to_string(i), error));
    many.push_back(row_of(std::to_string(i), "d" + std::to_string(i), "m" + std::to_string(i), error));
  }
  const auto all = [](std::size_t) { return true; };
  const auto range = [&](const std::vector<KnownRow>& rows) {
    std::vector<double> errors;
    for (const KnownRow& row : rows) errors.push_back(row.error());
    return range_of(rows_of(rows), errors, "megatron", all).value();
  };
  EXPECT_EQ(range(two).documents, 2);
  EXPECT_LT(range(two).low, range(many).low);
  EXPECT_GT(range(two).high, range(many).high);
  EXPECT_TRUE(range(many).holds(0.0));
  EXPECT_FALSE(range(many).holds(0.2));
  EXPECT_FALSE(range_of(rows_of(two), std::vector<double>(20), "automodel", all));
}

TEST(Groups, CountErrorsInPercentOfThePublished) {
  KnownRows known = rows_of({row_of("a", "x", "m", std::log(1.1)), row_of("b", "x", "n", std::log(0.96)),
                             row_of("c", "x", "o", 1.0), row_of("d", "z", "p", 0.0)});
  known.rows[2].odd = "contradicts itself";
  known.rows[1].published_mfu = 0.5;
  known.rows[0].fits = false;
  const std::vector<GroupAccuracy> groups = group_accuracies(known, left_out(known, LeaveOut::row));
  const auto group = [&](const std::string& name) {
    return *std::find_if(groups.begin(), groups.end(), [&](const GroupAccuracy& g) { return g.name == name; });
  };
  const GroupAccuracy x = group("x");
  EXPECT_EQ(x.rows, 2);
  EXPECT_EQ(x.odd, 1);
  EXPECT_EQ(x.oom, 1);
  EXPECT_NEAR(x.predicted->mape_percent, 7.0, 1e-9);
  EXPECT_NEAR(x.predicted->median_percent, 7.0, 1e-9);
  EXPECT_NEAR(x.predicted->bias_percent, 3.0, 1e-9);
  EXPECT_NEAR(x.predicted->worst_percent, 10.0, 1e-9);
  EXPECT_EQ(x.predicted->worst_row, "a");
  // Without a and the odd row: b at 0.5 and d at 0.4.
  EXPECT_NEAR(x.copied->worst_percent, -20.0, 1e-9);
  EXPECT_EQ(group("all").rows, 3);
  EXPECT_EQ(group("wan").rows, 0);
  EXPECT_FALSE(group("wan").predicted);
}

TEST(Groups, WhereShowsRowsAndFitsAll) {
  KnownRows known = rows_of({row_of("a", "x", "m", 0.04), row_of("b", "y", "n", 0.04)});
  const double before = left_out(known, LeaveOut::row).errors[0];
  show_where(known, "document=x");
  const LeftOut out = left_out(known, LeaveOut::row);
  EXPECT_DOUBLE_EQ(out.errors[0], before);
  EXPECT_EQ(group_accuracies(known, out).front().rows, 1);
  EXPECT_THROW(show_where(known, "documnt=x"), InputError);
}

}  // namespace
}  // namespace perfbench
