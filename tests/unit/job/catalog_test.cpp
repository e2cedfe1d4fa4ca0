#include "job/catalog.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using CatalogFiles = TemporaryFolder;

TEST(CanonicalName, CaseAndSeparatorsDontMatter) {
  EXPECT_EQ(canonical_name("LLAMA3-70B"), "llama3_70b");
  EXPECT_EQ(canonical_name(" Qwen2.5  7B "), "qwen2_5_7b");
  EXPECT_EQ(canonical_name("meta-llama/Llama-3.3"), "meta_llama_llama_3_3");
  EXPECT_EQ(canonical_name("--x--"), "x");
  EXPECT_EQ(canonical_name(""), "");
}

// A name that means two things would be decided by the order of folders.
TEST(Catalog, NoTwoEntriesShareANameOrAnAlias) {
  const Catalog catalog(kDataFolder);
  std::map<std::string, std::string> owner;
  const auto claim = [&](const std::string& word, const std::string& name) {
    const auto [at, is_new] = owner.emplace(canonical_name(word), name);
    EXPECT_TRUE(is_new || at->second == name) << word << " means " << at->second << " and " << name;
  };
  for (const std::string& name : catalog.model_names()) {
    claim(name, name);
    for (const std::string& alias : catalog.model(name, "").aliases) claim(alias, name);
  }
  EXPECT_GT(owner.size(), 20u);
  owner.clear();
  for (const std::string& name : catalog.system_names()) {
    claim(name, name);
    for (const std::string& alias : catalog.system(name, "").aliases) claim(alias, name);
  }
  EXPECT_GT(owner.size(), 6u);
}

TEST(Catalog, ModelsByNameAndAlias) {
  const Catalog catalog(kDataFolder);
  for (const char* name : {"llama3_70b", "LLAMA3-70B", "Llama3.70b"}) {
    EXPECT_EQ(catalog.model(name, "--model").name, "llama3_70b") << name;
    EXPECT_TRUE(catalog.has_model(name)) << name;
  }
  for (const char* name : {"LLAMA3.1-405B", "LLAMA3-405B", "llama31_405b"}) {
    EXPECT_EQ(catalog.model(name, "--model").name, "llama31_405b") << name;
  }
  EXPECT_EQ(catalog.model("llama4_e16", "--model").name, "llama4_scout");
  EXPECT_FALSE(catalog.has_model("llama3_71b"));
}

TEST(Catalog, SystemsByNameAndAlias) {
  const Catalog catalog(kDataFolder);
  EXPECT_EQ(catalog.system("DGX-GB200", "--gpu").name, "gb200");
  EXPECT_EQ(catalog.system("H100", "--gpu").name, "h100");
  EXPECT_EQ(catalog.config_table("GB200").filename(), "model_configs_gb200.csv");
}

TEST(Catalog, UnknownNamesGetTheNearest) {
  const Catalog catalog(kDataFolder);
  const std::string model = refusal([&] { catalog.model("llama3_71b", "--model"); });
  EXPECT_PRED2(says, model, "--model: there is no model \"llama3_71b\"");
  EXPECT_PRED2(says, model, "llama3_70b");
  const std::string system = refusal([&] { catalog.system("h10", "--gpu"); });
  EXPECT_PRED2(says, system, "--gpu: there is no system \"h10\"");
  EXPECT_PRED2(says, system, "h100");
  const std::string stack = refusal([&] { catalog.stack("megatronn", "--stack"); });
  EXPECT_PRED2(says, stack, "--stack: there is no stack \"megatronn\"");
  EXPECT_PRED2(says, stack, "megatron");
}

TEST(Catalog, NothingNearListsAllNames) {
  const Catalog catalog(kDataFolder);
  const std::string message = refusal([&] { catalog.system("tpu-v5-pod-slice", "--gpu"); });
  for (const std::string& name : catalog.system_names()) EXPECT_PRED2(says, message, name);
}

TEST(Catalog, AnEmptyNameIsUnknown) {
  const Catalog catalog(kDataFolder);
  EXPECT_PRED2(says, refusal([&] { catalog.model("", "--model"); }), "--model: there is no model \"\"");
}

TEST_F(CatalogFiles, AUsersOwnModelFolderOrFile) {
  const Catalog catalog(kDataFolder);
  const auto file = write("mine/config.json", read_file(kDataFolder / "models" / "llama3_8b" / "config.json"));
  for (const std::string& path : {file.string(), (folder_ / "mine").string(), (folder_ / "mine").string() + "/"}) {
    const ModelSpec model = catalog.model(path, "--model");
    EXPECT_EQ(model.name, path);
    EXPECT_EQ(model.hidden, 4096);
  }
  const std::string missing = (folder_ / "yours").string();
  EXPECT_PRED2(says, refusal([&] { catalog.model(missing, "--model"); }),
               "--model: there is no file or folder " + missing);
}

TEST_F(CatalogFiles, AUsersOwnSystemFile) {
  const Catalog catalog(kDataFolder);
  const auto file = write("slow.json", R"({"name": "slow", "extends": "h100", "aliases": [],
    "device_names": {"value": [], "source": "of no driver"},
    "nics_per_gpu": {"value": 0.25, "source": "two NICs for eight GPUs"}})");
  const SystemSpec system = catalog.system(file.string(), "--gpu");
  EXPECT_EQ(system.name, file.string());
  EXPECT_EQ(system.nics_per_gpu.value, 0.25);
  EXPECT_EQ(system.memory_bytes.value, catalog.system("h100", "--gpu").memory_bytes.value);
  EXPECT_EQ(catalog.kernel_constants(system), kDataFolder / "kernels" / "h100.json");
  EXPECT_FALSE(std::filesystem::exists(catalog.config_table(system.name)));
  const std::string missing = (folder_ / "fast.json").string();
  const std::string message = refusal([&] { catalog.system(missing, "--gpu"); });
  EXPECT_PRED2(says, message, "--gpu: there is no file " + missing);
  EXPECT_PRED2(says, message, "gb300");
}

TEST_F(CatalogFiles, AnAmbiguousAliasIsRefused) {
  const std::string config = read_file(kDataFolder / "models" / "kimi_k2" / "config.json");
  for (const char* name : {"one", "two"}) {
    write(std::string("models/") + name + "/config.json",
          replaced(config, "\"_aliases\": []", "\"_aliases\": [\"K 2\"]"));
  }
  const Catalog catalog(folder_);
  EXPECT_PRED2(says, refusal([&] { catalog.model("k-2", "--model"); }), "\"k-2\" is an alias of one and of two");
  EXPECT_EQ(catalog.model("two", "--model").name, "two");
}

TEST_F(CatalogFiles, AModelFolderWithoutItsFile) {
  std::filesystem::create_directories(folder_ / "models" / "bare");
  EXPECT_PRED2(says, refusal([&] { Catalog(folder_).model("bare", "--model"); }), "holds no config.json");
}

TEST_F(CatalogFiles, TheFolderMustExist) {
  EXPECT_PRED2(says, refusal([&] { Catalog{folder_ / "nowhere"}; }), "is no folder");
}

TEST_F(CatalogFiles, TheEnvironmentNamesTheFolder) {
  const char* before = std::getenv("PERFBENCH_DATA");
  const std::string kept = before == nullptr ? "" : before;
  setenv("PERFBENCH_DATA", folder_.c_str(), 1);
  EXPECT_EQ(Catalog::find().folder(), folder_);
  setenv("PERFBENCH_DATA", (folder_ / "nowhere").c_str(), 1);
  EXPECT_THROW(Catalog::find(), EnvironmentError);
  if (before == nullptr) {
    unsetenv("PERFBENCH_DATA");
  } else {
    setenv("PERFBENCH_DATA", kept.c_str(), 1);
  }
}

// A sweep looks up the same few names for every row: what was found once is not read again, whatever becomes of it.
TEST_F(CatalogFiles, AFileIsReadOnce) {
  const std::filesystem::path data = kDataFolder;
  const std::filesystem::path model = folder_ / "models" / "llama3_8b", system = folder_ / "systems" / "h100.json";
  std::filesystem::create_directories(model.parent_path());
  std::filesystem::copy(data / "models" / "llama3_8b", model, std::filesystem::copy_options::recursive);
  std::filesystem::create_directories(system.parent_path());
  std::filesystem::copy_file(data / "systems" / "h100.json", system);
  std::filesystem::copy(data / "kernels", folder_ / "kernels");
  const Catalog catalog(folder_);
  EXPECT_THROW(catalog.system("b200", "--gpu"), InputError);
  std::filesystem::copy_file(data / "systems" / "b200.json", folder_ / "systems" / "b200.json");
  EXPECT_EQ(catalog.system("b200", "--gpu").name, "b200");  // what was not found may be found later
  const std::int64_t hidden = catalog.model("LLAMA3-8B", "--model").hidden;
  EXPECT_EQ(catalog.system("h100", "--gpu").name, "h100");
  std::filesystem::remove_all(folder_ / "models");
  std::filesystem::remove_all(folder_ / "systems");
  EXPECT_EQ(catalog.model("LLAMA3-8B", "--model").hidden, hidden);
  EXPECT_EQ(catalog.system("h100", "--gpu").name, "h100");
  EXPECT_THROW(catalog.system("H100", "--gpu"), InputError);  // another spelling of it was not asked for before
}

}  // namespace
}  // namespace perfbench
