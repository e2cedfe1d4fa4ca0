// Numbers that no data sheet gives, at random: a row is ok with figures that mean something, or says what is missing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "job/resolve.h"
#include "models/programs.h"
#include "program/kernel_sites.h"
#include "runners/simulate_row.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog(PERFBENCH_SOURCE_DIR "/model_configs");
  return kCatalog;
}

constexpr Sourced SystemSpec::*kNumbers[] = {&SystemSpec::peak_bf16_flops_per_s,
                                             &SystemSpec::peak_fp8_flops_per_s,
                                             &SystemSpec::peak_mxfp8_flops_per_s,
                                             &SystemSpec::peak_nvfp4_flops_per_s,
                                             &SystemSpec::peak_f32_flops_per_s,
                                             &SystemSpec::memory_bytes,
                                             &SystemSpec::memory_bandwidth_bytes_per_s,
                                             &SystemSpec::nvlink_bandwidth_bytes_per_s,
                                             &SystemSpec::nvlink_domain_gpus,
                                             &SystemSpec::nic_bandwidth_bytes_per_s,
                                             &SystemSpec::nics_per_gpu,
                                             &SystemSpec::gpus_per_node,
                                             &SystemSpec::host_bandwidth_bytes_per_s,
                                             &SystemSpec::sm_count,
                                             &SystemSpec::l2_bytes};

struct Asked {
  const char* dtype;
  std::int64_t num_gpus, tp, pp, cp;
};

// One GPU, one node, many nodes; with each kind of traffic.
constexpr Asked kAsked[] = {{"bf16", 1, 1, 1, 1},  {"bf16", 8, 2, 1, 2}, {"bf16", 64, 1, 1, 1},
                            {"bf16", 32, 4, 4, 1}, {"fp8", 8, 1, 1, 1},  {"fp8", 64, 8, 4, 1}};

std::vector<Job> jobs() {
  std::vector<Job> all;
  for (const std::string& system : catalog().system_names()) {
    const SystemSpec sheet = catalog().system(system, system);
    for (const Asked& asked : kAsked) {
      Request request;
      request.model = "llama3_8b";
      request.system = system;
      request.dtype = asked.dtype;
      request.num_gpus = request.gbs = asked.num_gpus;
      request.tp = asked.tp;
      request.pp = asked.pp;
      request.cp = asked.cp;
      const auto precision = asked_precision(request);
      if (std::ranges::find(sheet.precisions, *precision) == sheet.precisions.end()) continue;
      all.push_back(make_job(request, catalog()));
    }
  }
  return all;
}

// The keys that the file would have without the numbers that are there.
bool is_missing_key(const Job& job, const std::string& feature) {
  const std::vector<std::string> missing = job.system.missing();
  return std::ranges::find(missing, feature) != missing.end() ||
         (!job.system.has_data_sheet() && feature == "simulation");
}

void expect_figures(const Row& row, const std::string& what) {
  for (const std::optional<double>& figure :
       {row.step_time_s, row.tokens_per_s_per_gpu, row.samples_per_s, row.model_tflops_per_gpu, row.peak_memory_gib})
    EXPECT_TRUE(figure && std::isfinite(*figure) && *figure > 0.0) << what;
  for (const std::optional<double>& figure : {row.step_time_low_s, row.step_time_high_s, row.mfu})
    EXPECT_TRUE(!figure || (std::isfinite(*figure) && *figure > 0.0)) << what;
  for (const auto& [part, seconds] : row.breakdown)
    EXPECT_TRUE(std::isfinite(seconds) && seconds >= 0.0) << what << part;
}

TEST(NullNumbers, EveryRowIsOkWithFiguresOrNamesTheNumber) {
  std::mt19937 random(14);
  RowSimulator simulate(catalog());
  int ok = 0, unsupported = 0;
  for (Job job : jobs()) {
    const SystemSpec whole = job.system;
    for (int round = 0; round < 24; ++round) {
      job.system = whole;
      std::string what = job.system.name + " x " + std::to_string(job.num_gpus) + " without";
      for (Sourced SystemSpec::*number : kNumbers) {
        if (random() % 8 == 0) (job.system.*number).value.reset();
      }
      for (const std::string& key : job.system.missing()) what += " " + key;
      const Row row = simulate(job);
      if (row.status == Status::unsupported) {
        ++unsupported;
        EXPECT_TRUE(is_missing_key(job, row.feature)) << what << ": " << row.feature;
        EXPECT_FALSE(row.step_time_s || row.tokens_per_s_per_gpu) << what;
      } else {
        ++ok;
        EXPECT_TRUE(row.status == Status::ok || row.status == Status::oom) << what << ": " << row.reason;
        expect_figures(row, what);
      }
    }
  }
  EXPECT_GT(ok, 100);
  EXPECT_GT(unsupported, 100);
}

// Each number alone: a time that needs it says so, and every other time is as it was.
TEST(NullNumbers, OneUnknownNumberMakesARowUnsupportedOrChangesNothing) {
  RowSimulator simulate(catalog());
  for (Job job : jobs()) {
    const SystemSpec whole = job.system;
    const Row before = simulate(job);
    for (Sourced SystemSpec::*number : kNumbers) {
      job.system = whole;
      (job.system.*number).value.reset();
      const Row row = simulate(job);
      if (row.status == Status::unsupported)
        EXPECT_TRUE(is_missing_key(job, row.feature)) << job.system.name << ": " << row.feature;
      else
        EXPECT_EQ(row.step_time_s, before.step_time_s) << job.system.name;
    }
  }
}

// A kernel that was measured needs no number; what its table lacks does.
TEST(NullNumbers, MeasuredKernelsNeedNoNumbers) {
  Job job = jobs().front();
  ASSERT_EQ(job.num_gpus, 1);
  job.system.memory_bandwidth_bytes_per_s.value.reset();
  const Plan plan = build_plan(job);
  auto table = std::make_shared<KernelTable>();
  table->on.system = job.system.name;
  for (const auto& [signature, site] : kernel_sites(plan)) table->kernels[signature] = {.seconds = 1e-5, .runs = 3};
  Row row = simulate_row(job, catalog(), table);
  EXPECT_NE(row.status, Status::unsupported) << row.reason;
  expect_figures(row, "measured");
  table->kernels.erase(table->kernels.begin());
  row = simulate_row(job, catalog(), table);
  EXPECT_EQ(row.feature, "memory_bandwidth_bytes_per_s");
}

}  // namespace
}  // namespace perfbench
