#include "harness/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rows/metrics.h"

namespace perfbench {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Row row_with(std::string model, double step_time_s) {
  Row row{.model = std::move(model), .system = "h100", .stack = "megatron", .num_gpus = 8, .gbs = 16};
  row.step_time_s = step_time_s;
  return row;
}

Row row_without(std::string model, Status status, std::string feature) {
  Row row = row_with(std::move(model), 1.0);
  row.step_time_s.reset();
  row.status = status;
  row.feature = std::move(feature);
  return row;
}

Diff diff_of(const std::vector<Row>& baseline, const std::vector<Row>& current) {
  return diff_rows("old.csv", baseline, "new.csv", current, {});
}

RowDiff only_diff(const Row& baseline, const Row& current) { return diff_of({baseline}, {current}).rows.at(0); }

template <typename Action>
std::string fault(Action action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string refusal(const std::vector<Row>& baseline, const std::vector<Row>& current) {
  return fault([&] { diff_of(baseline, current); });
}

TEST(Diff, MatchesByConfigurationInAnyOrder) {
  const std::vector<Row> baseline{row_with("a", 1.0), row_with("b", 2.0), row_with("gone", 3.0)};
  const Diff diff = diff_of(baseline, {row_with("added", 4.0), row_with("b", 2.0), row_with("a", 1.1)});
  ASSERT_EQ(diff.rows.size(), 4u);
  EXPECT_EQ(diff.rows[0].verdict, Verdict::slower);
  EXPECT_EQ(diff.rows[1].verdict, Verdict::same);
  EXPECT_EQ(diff.rows[2].verdict, Verdict::missing);
  EXPECT_EQ(diff.rows[3].verdict, Verdict::added);
  EXPECT_EQ(diff.rows[3].row.model, "added");
}

// Two rows that differ in one thing that was asked are two configurations, for programs and for readers.
TEST(Diff, EveryThingAskedTellsRowsApart) {
  Row other{.model = "b",
            .system = "b200",
            .task = Task::lora,
            .precision = Precision::fp8cs,
            .stack = "automodel",
            .num_gpus = 16,
            .gbs = 32,
            .mbs = 2,
            .lbs = 4,
            .seq_len = 512,
            .tp = 2,
            .pp = 2,
            .cp = 2,
            .vp = 2,
            .ep = 2,
            .etp = 2,
            .dp = 2,
            .fsdp = true,
            .fsdp_size = 2,
            .fsdp_reshard = true,
            .defer_grad_sync = true,
            .sequence_parallel = true,
            .param_dtype = "f32",
            .grad_dtype = "f32",
            .optimizer_state_dtype = "bf16",
            .ga = 2,
            .cuda_graphs = true,
            .packed = true,
            .recompute = "full",
            .recompute_layers = 1,
            .offload_layers = 1,
            .recompute_modules = {"mlp"},
            .lora_rank = 8,
            .lora_alpha = 16.0,
            .lora_targets = {"q_proj", "v_proj"},
            .moe_gate = "random",
            .moe_dispatcher = "dedup",
            .moe_capacity = 1.25,
            .gate_imbalance = 0.5,
            .ep_overlap = true,
            .cuda_graph_modules = {"attn"}};
  for (const Metric& metric : metrics()) {
    if (metric.group != MetricGroup::asked) continue;
    const Row plain = row_with("a", 1.0);
    Row changed = plain;
    EXPECT_EQ(metric.set(changed, metric.get(other)), "") << metric.name;
    const Diff diff = diff_of({plain}, {plain, changed});
    ASSERT_EQ(diff.rows.size(), 2u) << metric.name;
    EXPECT_EQ(diff.rows[1].verdict, Verdict::added) << metric.name;
    EXPECT_EQ(dump_json(metric.get(diff.rows[1].row)), dump_json(metric.get(other))) << metric.name;
    if (metric.name == "ga") continue;  // it follows from the batch sizes
    EXPECT_NE(configuration_of(changed), configuration_of(plain)) << metric.name;
  }
  EXPECT_THAT(configuration_of(other),
              HasSubstr("fsdp, fsdp_size 2, fsdp_reshard 1, defer_grad_sync 1, sequence_parallel 1, "
                        "param_dtype f32, grad_dtype f32, optimizer_state_dtype bf16, "
                        "cuda_graphs, cuda_graph_modules attn, recompute full, recompute_layers 1, recompute_modules "
                        "mlp, "
                        "offload_layers 1, packed, lora_rank 8, lora_alpha 16, lora_targets "
                        "q_proj/v_proj, moe_gate random, gate_imbalance 0.5, moe_dispatcher dedup, "
                        "moe_capacity 1.25, ep_overlap, stack automodel"));
}

TEST(Diff, TheWorstMetricDecides) {
  Row before = row_with("a", 1.0), after = row_with("a", 0.9);
  before.peak_memory_gib = 60.0;
  after.peak_memory_gib = 66.0;
  const RowDiff diff = only_diff(before, after);
  EXPECT_EQ(diff.verdict, Verdict::slower);
  ASSERT_EQ(diff.metrics.size(), 2u);
  EXPECT_EQ(diff.metrics[0].verdict, Verdict::faster);
  EXPECT_EQ(diff.metrics[1].metric, "peak_memory_gib");
}

TEST(Diff, AChangedStatusIsJudgedBeforeTheNumbers) {
  const Row ok = row_with("a", 1.0);
  const Row cp = row_without("a", Status::unsupported, "cp"), moe = row_without("a", Status::unsupported, "moe");
  const Row failed = row_without("a", Status::failed, "steps");
  EXPECT_EQ(only_diff(cp, cp).verdict, Verdict::same);
  EXPECT_EQ(only_diff(cp, moe).verdict, Verdict::ambiguous);
  EXPECT_EQ(only_diff(cp, ok).verdict, Verdict::added);
  EXPECT_EQ(only_diff(ok, cp).verdict, Verdict::invalid);
  EXPECT_EQ(only_diff(ok, cp).reason, "ok became unsupported (cp)");
  EXPECT_EQ(only_diff(cp, failed).verdict, Verdict::invalid);
  EXPECT_EQ(only_diff(row_without("a", Status::ok, ""), ok).verdict, Verdict::invalid);
}

// Times of a run that computed nonsense mean nothing, whatever its status says.
TEST(Diff, ALossThatWasNotFiniteIsNeverCompared) {
  const Row good = row_with("a", 1.0);
  Row broken = row_with("a", 1.0);
  broken.loss_ok = false;
  EXPECT_EQ(only_diff(broken, good).reason, "the loss of the baseline was not finite");
  EXPECT_EQ(only_diff(good, broken).reason, "the loss of the new row was not finite");
  EXPECT_EQ(only_diff(broken, broken).verdict, Verdict::invalid);
  broken.loss_ok = true;
  EXPECT_EQ(only_diff(good, broken).verdict, Verdict::same);
}

TEST(Diff, OomRowsAreComparedByTheNumbersTheyHave) {
  Row before = row_with("a", 1.0), after = row_with("a", 1.5);
  before.status = after.status = Status::oom;
  before.feature = "stage 0";
  after.feature = "stage 3";
  EXPECT_EQ(only_diff(before, after).verdict, Verdict::slower);
  EXPECT_EQ(only_diff(row_with("a", 1.0), after).verdict, Verdict::invalid);
}

// Whatever their numbers: nothing was measured to the end.
TEST(Diff, ARunThatBrokeOffIsComparedWithNothing) {
  const Row ok = row_with("a", 1.0);
  for (const Status status : {Status::timeout, Status::interrupted}) {
    Row cut = row_without("a", status, "step 3");
    cut.peak_memory_gib = ok.peak_memory_gib;
    EXPECT_EQ(only_diff(ok, cut).verdict, Verdict::invalid);
    EXPECT_EQ(only_diff(row_without("a", Status::failed, "steps"), cut).verdict, Verdict::invalid);
    EXPECT_EQ(only_diff(cut, cut).verdict, Verdict::invalid);
    EXPECT_EQ(only_diff(cut, ok).verdict, Verdict::added);
  }
  EXPECT_EQ(
      only_diff(row_without("a", Status::interrupted, "SIGINT"), row_without("a", Status::timeout, "step 3")).reason,
      "the new row is timeout (step 3)");
}

TEST(Diff, AConfigurationTwiceInAFileIsRefused) {
  Row other_result = row_with("a", 2.0);
  const std::string text = refusal({row_with("a", 1.0)}, {row_with("a", 1.0), other_result, other_result});
  EXPECT_THAT(text, HasSubstr("new.csv: the configuration a pretrain bf16 on 8 x h100, gbs 16, stack megatron, "
                              "simulated stands more than once"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);  // told once, with its hint
}

TEST(Diff, EmptyFilesAreRefused) {
  EXPECT_THAT(refusal({}, {}), ::testing::AllOf(HasSubstr("old.csv: has no rows"), HasSubstr("new.csv: has no rows")));
}

TEST(Diff, FilesWithNothingInCommonAreRefusedWithWhatDiffers) {
  Row b200 = row_with("a", 1.0);
  b200.system = "b200";
  b200.precision = Precision::fp8cs;
  const std::string text = refusal({row_with("a", 1.0), row_with("b", 1.0)}, {b200});
  EXPECT_THAT(text, HasSubstr("new.csv: no configuration in common with old.csv"));
  EXPECT_THAT(text, HasSubstr("system: h100 in old.csv, b200 in new.csv"));
  EXPECT_THAT(text, HasSubstr("precision: bf16 in old.csv, fp8cs in new.csv"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("model:")));  // "a" stands in both
}

TEST(Diff, RowsThatCountDifferentlyAreRefused) {
  Row before = row_with("a", 1.0), after = row_with("a", 1.0);
  before.flops_convention = "nemo";
  after.flops_convention = "other";
  before.window = "steps 11-30 of 30";
  after.window = "steps 11-20 of 20";
  before.schema_version = 1;
  after.schema_version = 2;
  const std::string text = refusal({before}, {after});
  EXPECT_THAT(text, HasSubstr("schema_version is \"1\" in the baseline and \"2\" here"));
  EXPECT_THAT(text, HasSubstr("flops_convention is \"nemo\" in the baseline and \"other\" here"));
  EXPECT_THAT(text, HasSubstr("window is \"steps 11-30 of 30\" in the baseline and \"steps 11-20 of 20\" here"));

  Row measured = row_with("b", 1.0);
  measured.method = Method::measured;
  EXPECT_THAT(refusal({row_with("a", 1.0), row_with("b", 1.0)}, {row_with("a", 1.0), measured}),
              HasSubstr("method is \"simulated\" in the baseline and \"measured\" here"));
}

TEST(Diff, OneFileMayHoldBothMethods) {
  Row measured = row_with("a", 1.3);
  measured.method = Method::measured;
  const std::vector<Row> rows{row_with("a", 1.0), measured};
  EXPECT_EQ(count(diff_of(rows, rows), Verdict::same), 2u);
}

TEST(Diff, ARowWithoutModelOrSystemIsRefused) {
  Row nameless = row_with("", 1.0), nowhere = row_with("a", 1.0);
  nowhere.system.clear();
  EXPECT_THAT(refusal({nameless}, {nameless}), HasSubstr("old.csv: a row has no model"));
  EXPECT_THAT(refusal({row_with("a", 1.0)}, {nowhere}), HasSubstr("new.csv: a row has no system"));
}

// A cell that was lost from the baseline would else go unseen.
TEST(Diff, AValueThatTheBaselineLacksIsNew) {
  Row before = row_with("a", 1.0), after = row_with("a", 1.0);
  after.peak_memory_gib = 60.0;
  const RowDiff diff = only_diff(before, after);
  EXPECT_EQ(diff.verdict, Verdict::added);
  ASSERT_EQ(diff.metrics.size(), 2u);
  EXPECT_EQ(diff.metrics[1].metric, "peak_memory_gib");
  EXPECT_EQ(diff.metrics[1].reason, "the baseline has no value");
}

TEST(Diff, AMissingRowNamesWhatItMayHaveBecome) {
  Row moved = row_with("a", 1.0);
  moved.gbs = 32;
  const Diff diff = diff_of({row_with("a", 1.0), row_with("b", 1.0)}, {moved, row_with("b", 1.0)});
  EXPECT_EQ(diff.rows[0].reason, "the nearest new row differs in gbs 16 there, 32 here");
}

TEST(Diff, ExitCodesFollowTheVerdicts) {
  const auto code_of = [](Verdict verdict, bool strict) {
    Diff diff;
    diff.rows.push_back({.row = {}, .verdict = verdict});
    return exit_code({&diff, 1}, strict);
  };
  for (const Verdict verdict : {Verdict::slower, Verdict::missing, Verdict::invalid})
    EXPECT_EQ(code_of(verdict, false), ExitCode::regression) << name(verdict);
  for (const Verdict verdict : {Verdict::same, Verdict::added, Verdict::ambiguous})
    EXPECT_EQ(code_of(verdict, true), ExitCode::ok) << name(verdict);
  EXPECT_EQ(code_of(Verdict::faster, false), ExitCode::ok);
  EXPECT_EQ(code_of(Verdict::faster, true), ExitCode::regression);
}

TEST(Diff, TheSameRowsGiveNothingToSay) {
  const std::vector<Row> rows{row_with("a", 1.0), row_without("b", Status::unsupported, "cp")};
  for (const RowDiff& row : diff_of(rows, rows).rows) {
    EXPECT_EQ(row.verdict, Verdict::same);
    EXPECT_THAT(row.reason, IsEmpty());
  }
}

}  // namespace
}  // namespace perfbench
