#include "rows/asked_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rows/metrics.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

using testing::ElementsAre;

// A metric that says what was asked and stands on no list would be empty in every row.
TEST(AskedFields, AreAllMetricsOfWhatIsAsked) {
  for (const Metric& metric : metrics()) {
    if (metric.group != MetricGroup::asked) continue;
    EXPECT_EQ(std::ranges::count(asked_fields(), metric.name, &AskedField::name), 1) << metric.name;
  }
}

TEST(AskedFields, AJobFillsEachMetricWithItsValue) {
  Job job = sample_job();
  job.task = Task::lora;
  job.lora = Lora{.rank = 8, .alpha = 16.0, .targets = {"q_proj"}};
  job.recompute_layers = 1;
  job.recompute_modules = {"mlp"};
  job.packed = true;
  Row row;
  set_asked(row, job);
  for (const AskedField& field : asked_fields()) {
    const Metric* metric = find_metric(field.name);
    if (metric == nullptr) continue;  // num_microbatches, num_flushes
    EXPECT_EQ(dump_json(metric->get(row), -1), dump_json(field.of(job), -1)) << field.name;
  }
}

TEST(AskedFields, OnlyAModelWithExpertsSendsTokensToThem) {
  Job job = sample_job();
  job.gate = Gate::balanced, job.expert_capacity = 1.5, job.graph_modules = {Module::moe_router, Module::attn};
  Row dense, routed;
  set_asked(dense, job);
  EXPECT_EQ(dense.moe_gate, "");
  EXPECT_EQ(dense.moe_capacity, std::nullopt);
  set_layer(job.model, 1, {.mlp = Moe{.experts = 8}});
  set_asked(routed, job);
  EXPECT_EQ(routed.moe_gate, "balanced");
  EXPECT_EQ(routed.moe_dispatcher, "all_to_all");
  EXPECT_EQ(routed.moe_capacity, 1.5);
  EXPECT_EQ(routed.ep_overlap, false);
  EXPECT_THAT(routed.cuda_graph_modules, ElementsAre("attn", "moe_router"));
}

TEST(AskedFields, ARequestFillsWhatItSays) {
  Request request;
  request.model = "unheard_of";
  request.task = Task::sft;
  request.dtype = "fp8";
  request.fp8_recipe = "ds";
  request.tp = 4;
  request.recompute_layers = 0;
  request.lora_alpha = 32;
  request.lora_targets = {"q_proj", "v_proj"};
  request.packed = true;
  Row row;
  set_asked(row, request);
  EXPECT_EQ(row.model, "unheard_of");
  EXPECT_EQ(row.task, Task::sft);
  EXPECT_EQ(row.precision, Precision::fp8ds);
  EXPECT_EQ(row.tp, 4);
  EXPECT_EQ(row.pp, 0);
  EXPECT_EQ(row.recompute_layers, 0);
  EXPECT_EQ(row.offload_layers, std::nullopt);
  EXPECT_EQ(row.lora_alpha, 32.0);
  EXPECT_THAT(row.lora_targets, ElementsAre("q_proj", "v_proj"));
  EXPECT_TRUE(row.packed);
  EXPECT_TRUE(row.notes.empty());
  request.dtype = "int4";
  set_asked(row, request);
  EXPECT_THAT(row.notes, ElementsAre("precision is not known from dtype \"int4\"; fp8ds stands for it"));
}

}  // namespace
}  // namespace perfbench
