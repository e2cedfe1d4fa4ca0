#include "job/system_spec.h"

#include <gtest/gtest.h>

#include <map>

#include "job/catalog.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using SystemFiles = TemporaryFolder;

std::string h100() { return read_file(kDataFolder / "systems" / "h100.json"); }

TEST(SystemSpec, EveryFileLoads) {
  const Catalog catalog(kDataFolder);
  const std::vector<std::string> expected{"a100", "b200", "cpu", "gb200", "gb300", "h100", "h200"};
  EXPECT_EQ(catalog.system_names(), expected);
  for (const std::string& name : catalog.system_names()) {
    const SystemSpec system = read_system(kDataFolder / "systems" / (name + ".json"));
    EXPECT_EQ(system.name, name);
    EXPECT_FALSE(system.precisions.empty()) << name;
    EXPECT_EQ(system.has_data_sheet(), name != "cpu");
    if (!system.has_data_sheet()) continue;
    EXPECT_TRUE(system.peak_flops_per_s(Precision::bf16)) << name;
    EXPECT_TRUE(system.memory_bytes.value) << name;
  }
}

TEST(SystemSpec, H100FiguresInSiUnits) {
  const SystemSpec system = read_system(kDataFolder / "systems" / "h100.json");
  EXPECT_EQ(system.peak_flops_per_s(Precision::bf16), 989e12);
  EXPECT_EQ(system.peak_flops_per_s(Precision::fp8cs), 1979e12);
  EXPECT_EQ(system.peak_flops_per_s(Precision::fp8ds), 1979e12);
  EXPECT_EQ(system.peak_flops_per_s(Precision::mxfp8), std::nullopt);
  EXPECT_EQ(system.nvlink_bandwidth_bytes_per_s.value, 450e9);  // one direction
  EXPECT_EQ(system.gpus_per_node.value, 8);
  EXPECT_EQ(system.host_bandwidth_bytes_per_s.value, 64e9);
  EXPECT_EQ(system.host, "x86");
}

TEST(SystemSpec, GraceNodesHaveFourGpus) {
  for (const char* name : {"gb200", "gb300"}) {
    const SystemSpec system = read_system(kDataFolder / "systems" / (std::string(name) + ".json"));
    EXPECT_EQ(system.gpus_per_node.value, 4) << name;
    EXPECT_EQ(system.host, "grace") << name;
  }
}

TEST(SystemSpec, CpuIsTheMachineAtHand) {
  const SystemSpec cpu = read_system(kDataFolder / "systems" / "cpu.json");
  EXPECT_EQ(cpu.precisions, (std::vector{Precision::fp32, Precision::bf16, Precision::fp8cs}));
  for (const Precision precision : cpu.precisions) EXPECT_EQ(cpu.peak_flops_per_s(precision), std::nullopt);
}

// The names differ by form factor: H100 PCIe and H100 NVL are other systems, which nobody has described.
TEST(SystemSpec, IsKnownByTheNameOfItsDevice) {
  const Catalog catalog(kDataFolder);
  EXPECT_EQ(catalog.system_of_device("NVIDIA H100 80GB HBM3").value().name, "h100");
  EXPECT_EQ(catalog.system_of_device("NVIDIA H200").value().name, "h200");
  EXPECT_EQ(catalog.system_of_device("NVIDIA GB200").value().name, "gb200");
  for (const char* other : {"NVIDIA H100 PCIe", "NVIDIA H100", "NVIDIA H200 NVL", "h100", ""})
    EXPECT_FALSE(catalog.system_of_device(other)) << other;
  std::map<std::string, std::string> system_of;
  for (const std::string& name : catalog.system_names())
    for (const std::string& device : catalog.system(name, "").device_names)
      EXPECT_TRUE(system_of.emplace(device, name).second)
          << device << " is of " << system_of[device] << " and " << name;
  EXPECT_EQ(system_of.size(), 6u);
}

TEST_F(SystemFiles, NumbersWithoutASourceAreMissing) {
  const std::string text = replaced(h100(), "\"value\": 132", "\"value\": null");
  const SystemSpec system = read_system(write("h100.json", text));
  EXPECT_EQ(system.missing(), std::vector<std::string>{"sm_count"});  // and not the MXFP8 peak, which H100 can't have
}

TEST_F(SystemFiles, AllProblemsAtOnce) {
  std::string text = replaced(h100(), "\"memory_bytes\"", "\"memory_byte\"");
  text = replaced(text, "\"value\": 3350000000000", "\"value\": -3350000000000");
  text = replaced(text, "\"fp8ds\"", "\"fp8dx\"");
  text = replaced(text, "\"x86\"", "\"x68\"");
  text = replaced(text, "\"device_names\": {\"value\": [\"NVIDIA H100 80GB HBM3\"]", "\"device_names\": {\"value\": 3");
  const auto path = write("h100.json", text);
  const std::string message = refusal([&] { read_system(path); });
  EXPECT_PRED2(says, message, "h100.json: memory_bytes: is missing");
  EXPECT_PRED2(says, message, "memory_byte");
  EXPECT_PRED2(says, message, "did you mean memory_bytes");
  EXPECT_PRED2(says, message,
               "h100.json: memory_bandwidth_bytes_per_s.value: is -3350000000000, but must be a number from");
  EXPECT_PRED2(says, message, "\"fp8dx\" is no precision");
  EXPECT_PRED2(says, message, "did you mean fp8ds");
  EXPECT_PRED2(says, message, "valid: x86, grace, any");
  EXPECT_PRED2(says, message, "device_names.value: is 3, but must be a list of texts");
  EXPECT_EQ(count_of(message, "perfbench: error:"), 6u);
}

TEST_F(SystemFiles, AWrongUnitIsOutOfRange) {
  const auto path = write("h100.json", replaced(h100(), "\"value\": 989000000000000", "\"value\": 989"));
  EXPECT_PRED2(says, refusal([&] { read_system(path); }),
               "peak_flops_per_s.bf16.value: is 989, but must be a number from 1000000000000 to 1e+18");
}

TEST_F(SystemFiles, EveryNumberNeedsASource) {
  const auto path = write("h100.json", replaced(h100(), "\"NVIDIA H100 architecture white paper, SXM5\"", "\" \""));
  EXPECT_PRED2(says, refusal([&] { read_system(path); }), "sm_count.source: must say where the number comes from");
}

TEST_F(SystemFiles, CountsAreWhole) {
  const auto path = write("h100.json", replaced(h100(), "\"value\": 132", "\"value\": 132.5"));
  EXPECT_PRED2(says, refusal([&] { read_system(path); }), "sm_count: is 132.5, but must be whole");
}

TEST_F(SystemFiles, NameIsTheFiles) {
  const auto path = write("h101.json", h100());
  EXPECT_PRED2(says, refusal([&] { read_system(path); }), "name: is \"h100\" in a file called h101.json");
}

TEST_F(SystemFiles, NoObject) {
  const auto path = write("h100.json", "[1, 2]");
  EXPECT_PRED2(says, refusal([&] { read_system(path); }), "must be a JSON object");
}

}  // namespace
}  // namespace perfbench
