#include "harness/job_key.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "harness/digest.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

TEST(JobKey, IsTheSameInEveryProcess) {
  EXPECT_EQ(digest(""), "99aa06d3014798d86001c324468d497f");  // the published value of XXH3-128 of nothing
  EXPECT_EQ(digest("a"), digest("a"));
  EXPECT_EQ(job_key(sample_job(), "code"), job_key(sample_job(), "code"));
}

// One change of each struct that a job is made of.
TEST(JobKey, EveryFieldCounts) {
  const std::vector<std::function<void(Job&)>> changes = {
      [](Job&) {},
      [](Job& job) { job.model.hidden = 16; },
      [](Job& job) { set_layer(job.model, 1, {.mlp = Moe{}}); },
      [](Job& job) {
        gqa_of(job.model).mask = {Mask::Kind::window, 4};
      },
      [](Job& job) {
        gqa_of(job.model).mask = {Mask::Kind::window, 5};
      },
      [](Job& job) { set_layer(job.model, 1, {.mlp = Moe{.experts = 8}}); },
      [](Job& job) { set_layer(job.model, 1, {.mixer = Mla{.q_rank = 8}}); },
      [](Job& job) { set_layer(job.model, 1, {.mixer = Mamba2{.heads = 8}}); },
      [](Job& job) { job.model.video = VideoShape{.text_dim = 8}; },
      [](Job& job) { job.model.norm_eps = 1e-6; },
      [](Job& job) { job.system.memory_bytes.value = 80e9; },
      [](Job& job) { job.system.peak_bf16_flops_per_s.source = "another data sheet"; },
      [](Job& job) { job.stack.layer_split = {LayerSplit::uneven}; },
      [](Job& job) { job.stack.constants.op_gap_s = 1e-6; },
      [](Job& job) { job.precision = Precision::fp8cs; },
      [](Job& job) { job.gbs = 32; },
      [](Job& job) { job.layout.tp = 4; },
      [](Job& job) { job.layout.fsdp = true; },
      [](Job& job) { job.layout.fsdp_size = 2; },
      [](Job& job) { job.stack.param_dtype = DType::f32; },
      [](Job& job) { job.recompute_ops = true; },
      [](Job& job) { job.chunks = {{.first = 0, .count = 2}}; },
      [](Job& job) { job.recompute_modules = {"core_attn"}; },
      [](Job& job) { job.notes = {}; },
      [](Job& job) { job.gate = Gate::random; },
      [](Job& job) { job.dispatcher = Dispatcher::dedup; },
      [](Job& job) { job.expert_capacity = 1.0; },
      [](Job& job) { job.gate_imbalance = 1.0; },
      [](Job& job) { job.graph_modules = {Module::attn}; },
      [](Job& job) { job.ep_overlap = true; },
      [](Job& job) { job.stack.default_etp = 1; },
  };
  std::set<std::string> keys;
  for (const auto& change : changes) {
    Job job = sample_job();
    change(job);
    keys.insert(job_key(job, "code"));
  }
  EXPECT_EQ(keys.size(), changes.size());
  EXPECT_FALSE(keys.contains(job_key(sample_job(), "other code")));
}

// Texts are led by their length: what one loses the next does not gain.
TEST(JobKey, NeighboursDoNotRunTogether) {
  Job one = sample_job(), two = sample_job();
  one.model.name = "ab", one.model.family = "c";
  two.model.name = "a", two.model.family = "bc";
  EXPECT_NE(job_key(one, ""), job_key(two, ""));
}

TEST(JobKey, OriginsDoNotCount) {
  Job job = sample_job();
  job.origins = {{"tp", "elsewhere.csv:1"}};
  EXPECT_EQ(job_key(job, ""), job_key(sample_job(), ""));
}

// What a config.json says counts, and not where it lies: a file without a `_source` has its path for one.
TEST(JobKey, AModelIsItsConfigNotItsPlace) {
  const fs::path config = fs::path(PERFBENCH_SOURCE_DIR) / "model_configs/models/llama3_8b/config.json";
  const fs::path folder = fs::temp_directory_path() / ("perfbench_job_key_" + std::to_string(::getpid()));
  const auto key_at = [&](const char* place, const std::string& text) {
    fs::create_directories(folder / place / "mine");
    write_file(folder / place / "mine/config.json", text);
    Job job = sample_job();
    job.model = read_model(folder / place / "mine");
    return job_key(job, "code");
  };
  std::string text = read_file(config);
  const std::size_t source = text.find("\"_source\""), line = text.find('\n', source);
  text.erase(source, line - source);
  const std::string key = key_at("a", text);
  EXPECT_EQ(key_at("b", text), key);
  const std::size_t layers = text.find("\"num_hidden_layers\": 32");
  ASSERT_NE(layers, std::string::npos);
  EXPECT_NE(key_at("b", text.replace(layers, 23, "\"num_hidden_layers\": 31")), key);
  fs::remove_all(folder);
}

TEST(Digest, OfFiles) {
  EXPECT_EQ(file_digest("/dev/null"), digest(""));
  EXPECT_THROW(file_digest("/nowhere/at/all"), InputError);
}

// Names and contents count, the folder's own place does not.
TEST(Digest, OfFolders) {
  const fs::path folder = fs::temp_directory_path() / ("perfbench_digest_" + std::to_string(::getpid()));
  const auto digest_of = [&](const char* place, const char* name, const char* text) {
    fs::remove_all(folder / place);
    fs::create_directories(folder / place / "inner");
    write_file(folder / place / "inner" / name, text);
    write_file(folder / place / "b", "");
    return folder_digest(folder / place);
  };
  const std::string one = digest_of("one", "a", "text");
  EXPECT_EQ(digest_of("two", "a", "text"), one);
  EXPECT_NE(digest_of("two", "a", "another text"), one);
  EXPECT_NE(digest_of("two", "c", "text"), one);
  EXPECT_THROW(folder_digest(folder / "none"), InputError);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace perfbench
