#include "rows/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

TEST(Metrics, HaveNamesAndHeadingsOfTheirOwn) {
  std::set<std::string_view> names, headings;
  for (const Metric& metric : metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(headings.insert(metric.heading).second) << metric.heading;
    EXPECT_FALSE(metric.sentence.empty()) << metric.name;
    EXPECT_EQ(find_metric(metric.name), &metric);
  }
  EXPECT_EQ(find_metric("steptime"), nullptr);
}

TEST(Metrics, AreWhatProgramsReadingRowsRelyOn) {
  for (const char* key : {"method",
                          "status",
                          "model",
                          "system",
                          "task",
                          "precision",
                          "num_gpus",
                          "gbs",
                          "mbs",
                          "seq_len",
                          "tp",
                          "pp",
                          "cp",
                          "vp",
                          "ep",
                          "ga",
                          "step_time_s",
                          "tokens_per_s_per_gpu",
                          "model_tflops_per_gpu",
                          "flops_convention",
                          "mfu",
                          "peak_tflops",
                          "peak_memory_gib",
                          "breakdown",
                          "published"})
    EXPECT_NE(find_metric(key), nullptr) << key;
}

TEST(Metrics, TellNoneFromNotKnown) {
  Row row;
  EXPECT_EQ(show(*find_metric("recompute_layers"), row), "-");
  row.recompute_layers = 0;
  EXPECT_EQ(show(*find_metric("recompute_layers"), row), "0");
  EXPECT_EQ(show(*find_metric("lora_targets"), row), "-");
  row.lora_targets = {"q_proj", "v_proj"};
  row.lora_alpha = 32;
  EXPECT_EQ(show(*find_metric("lora_targets"), row), "q_proj/v_proj");
  EXPECT_EQ(show(*find_metric("lora_alpha"), row), "32");
}

// A getter and a setter that name different fields would pass any test of one of them.
TEST(Metrics, SetWhatTheyGet) {
  const Row full = sample_row();
  for (const Metric& metric : metrics()) {
    Row row;
    EXPECT_EQ(metric.set(row, metric.get(full)), "") << metric.name;
    EXPECT_EQ(dump_json(metric.get(row)), dump_json(metric.get(full))) << metric.name;
  }
}

TEST(Metrics, ReadTheFieldOfTheirName) {
  Row row;
  row.num_gpus = 1, row.gbs = 2, row.mbs = 3, row.lbs = 4, row.seq_len = 5, row.tp = 6, row.pp = 7, row.cp = 8;
  row.vp = 9, row.ep = 10, row.etp = 11, row.dp = 12, row.ga = 13;
  row.step_time_s = 14, row.tokens_per_s_per_gpu = 15, row.samples_per_s = 16, row.model_tflops_per_gpu = 17;
  row.mfu = 18, row.peak_tflops = 19, row.peak_memory_gib = 20, row.ratio_to_published = 21;
  row.step_time_mad_s = 22, row.step_time_cv = 23, row.rank_spread = 24, row.schema_version = 25;
  row.predicted_peak_memory_gib = 26, row.step_time_low_s = 27, row.step_time_high_s = 28;
  row.measured_s = 29, row.modelled_s = 30, row.recompute_layers = 31, row.offload_layers = 32, row.lora_rank = 33;
  row.lora_alpha = 34, row.memory_headroom_gib = 35, row.fsdp_size = 36, row.moe_capacity = 37, row.gate_imbalance = 38;
  double expected = 1;
  for (const char* key : {"num_gpus",
                          "gbs",
                          "mbs",
                          "lbs",
                          "seq_len",
                          "tp",
                          "pp",
                          "cp",
                          "vp",
                          "ep",
                          "etp",
                          "dp",
                          "ga",
                          "step_time_s",
                          "tokens_per_s_per_gpu",
                          "samples_per_s",
                          "model_tflops_per_gpu",
                          "mfu",
                          "peak_tflops",
                          "peak_memory_gib",
                          "ratio_to_published",
                          "step_time_mad_s",
                          "step_time_cv",
                          "rank_spread",
                          "schema_version",
                          "predicted_peak_memory_gib",
                          "step_time_low_s",
                          "step_time_high_s",
                          "measured_s",
                          "modelled_s",
                          "recompute_layers",
                          "offload_layers",
                          "lora_rank",
                          "lora_alpha",
                          "memory_headroom_gib",
                          "fsdp_size",
                          "moe_capacity",
                          "gate_imbalance"})
    EXPECT_EQ(find_metric(key)->get(row).number(), expected++) << key;
}

TEST(Metrics, RefuseValuesOfAnotherType) {
  Row row;
  EXPECT_EQ(find_metric("tp")->set(row, 0), "must be a whole number of at least 1");
  EXPECT_EQ(find_metric("tp")->set(row, "two"), "must be a whole number of at least 1");
  EXPECT_EQ(find_metric("recompute_layers")->set(row, -1), "must be a whole number of at least 0");
  EXPECT_EQ(find_metric("step_time_s")->set(row, "fast"), "must be a number");
  EXPECT_EQ(find_metric("fsdp")->set(row, 1), "must be true or false");
  EXPECT_EQ(find_metric("loss_ok")->set(row, 0), "must be true or false");
  EXPECT_EQ(find_metric("status")->set(row, "fine"),
            "must be one of ok, oom, unsupported, failed, timeout, interrupted");
  EXPECT_EQ(find_metric("samples_s")->set(row, Json::Array{1.0, "2"}), "must be a list of numbers");
  EXPECT_EQ(find_metric("notes")->set(row, Json::Array{1}), "must be a list of texts");
  EXPECT_EQ(find_metric("fits_with")->set(row, Json::Object{{"flags", "-mb 1"}}),
            "must be an object of flags, peak_memory_gib and step_time_s");
  EXPECT_THAT(find_metric("published")->set(row, Json::Object{{"method", "measured"}}),
              testing::HasSubstr("must be published"));
  EXPECT_EQ(row, Row{});
}

TEST(Metrics, AreThoseOfTheDocumentation) {
  const std::string text = read_file(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "docs" / "metrics.md");
  EXPECT_NE(text.find(metrics_markdown()), std::string::npos) << "docs/metrics.md must hold this table:\n"
                                                              << metrics_markdown();
}

}  // namespace
}  // namespace perfbench
