#include "job/system_spec.h"

#include <gtest/gtest.h>

#include <map>

#include "job/catalog.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using SystemFiles = TemporaryFolder;

std::string h100() { return read_file(kDataFolder / "systems" / "h100.json"); }

SystemSpec system_of(const std::string& name) {
  return read_system(kDataFolder / "systems" / (name + ".json"), kDataFolder);
}

TEST(SystemSpec, EveryFileLoads) {
  const Catalog catalog(kDataFolder);
  const std::vector<std::string> expected{"a100",      "a100_40gb", "a100_vela", "a800",  "b200", "b300",
                                          "cpu",       "gb200",     "gb300",     "gh200", "h100", "h100_500w",
                                          "h100_vela", "h20",       "h200",      "h800",  "l40s"};
  EXPECT_EQ(catalog.system_names(), expected);
  for (const std::string& name : catalog.system_names()) {
    const SystemSpec system = system_of(name);
    EXPECT_EQ(system.name, name);
    EXPECT_FALSE(system.precisions.empty()) << name;
    EXPECT_EQ(system.has_data_sheet(), name != "cpu");
    if (!system.has_data_sheet()) continue;
    EXPECT_TRUE(system.peak_flops_per_s(Precision::bf16)) << name;
    EXPECT_TRUE(system.memory_bytes.value) << name;
    EXPECT_TRUE(system.architecture) << name;
  }
}

TEST(SystemSpec, H100FiguresInSiUnits) {
  const SystemSpec system = system_of("h100");
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
    const SystemSpec system = system_of(name);
    EXPECT_EQ(system.gpus_per_node.value, 4) << name;
    EXPECT_EQ(system.host, "grace") << name;
  }
}

TEST(SystemSpec, CpuIsTheMachineAtHand) {
  const SystemSpec cpu = system_of("cpu");
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
  std::map<std::string, std::string> owner_of;
  for (const std::string& name : catalog.system_names())
    for (const std::string& device : catalog.system(name, "").device_names)
      EXPECT_TRUE(owner_of.emplace(device, name).second) << device << " is of " << owner_of[device] << " and " << name;
  EXPECT_EQ(owner_of.size(), 14u);
}

TEST(SystemSpec, StatesWhatDiffersFromTheOneItExtends) {
  const SystemSpec h100 = system_of("h100"), h800 = system_of("h800"), h20 = system_of("h20");
  EXPECT_TRUE(h100.extends.empty());
  EXPECT_EQ(h800.extends, std::vector<std::string>{"h100"});
  EXPECT_EQ(h800.nvlink_bandwidth_bytes_per_s.value, 200e9);
  EXPECT_EQ(h800.memory_bytes.value, h100.memory_bytes.value);
  EXPECT_EQ(h800.memory_bytes.source, h100.memory_bytes.source);
  EXPECT_EQ(h800.precisions, h100.precisions);
  EXPECT_EQ(h20.peak_flops_per_s(Precision::fp8cs), 296e12);  // of the peaks each for itself
  EXPECT_EQ(h20.peak_mxfp8_flops_per_s.source, h100.peak_mxfp8_flops_per_s.source);
}

TEST(SystemSpec, SaysWhoseKernelsItTakes) {
  EXPECT_EQ(system_of("h100").kernels, "h100");
  for (const char* name : {"h800", "h20", "gh200", "h100_vela"}) EXPECT_EQ(system_of(name).kernels, "h100") << name;
  EXPECT_EQ(system_of("b300").kernels, "gb300");
  for (const char* name : {"a100", "a100_40gb", "a800", "l40s"}) EXPECT_EQ(system_of(name).kernels, "default") << name;
}

TEST(SystemSpec, APowerLimitMakesProductsSlower) {
  EXPECT_EQ(system_of("h100").product_time, 1.0);
  EXPECT_EQ(system_of("h100_500w").product_time, 1.15);
}

// What the machines of fms-fsdp have for a node of 8 GPUs.
TEST(SystemSpec, VelaHasTheNetworkOfItsPage) {
  const auto node = [](const SystemSpec& s) {
    return 8.0 * *s.gpus_per_node.value * *s.nics_per_gpu.value * *s.nic_bandwidth_bytes_per_s.value;
  };
  EXPECT_EQ(node(system_of("a100_vela")), 400e9);
  EXPECT_EQ(node(system_of("h100_vela")), 800e9);
}

TEST_F(SystemFiles, NamesAreNotInherited) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "h100", "gpu": "H100 of mine"})");
  const std::string message = refusal([&] { read_system(path, kDataFolder); });
  EXPECT_PRED2(says, message, "mine.json: aliases: is missing");
  EXPECT_PRED2(says, message, "mine.json: device_names: is missing");
  EXPECT_EQ(count_of(message, "perfbench: error:"), 2u);
}

TEST_F(SystemFiles, AnUnknownParentGetsTheNearest) {
  const auto path = write("mine.json", R"({"name": "mine", "extends": "h10"})");
  const std::string message = refusal([&] { read_system(path, kDataFolder); });
  EXPECT_PRED2(says, message, "mine.json: extends: there is no system \"h10\"");
  EXPECT_PRED2(says, message, "h100");
}

TEST_F(SystemFiles, UnknownKernelsGetTheNearest) {
  const auto path = write("h100.json", replaced(h100(), "\"kernels\": \"h100\"", "\"kernels\": \"h800\""));
  const std::string message = refusal([&] { read_system(path, kDataFolder); });
  EXPECT_PRED2(says, message, "h100.json: kernels: there are no kernel constants \"h800\"");
  EXPECT_PRED2(says, message, "did you mean h100");
}

TEST_F(SystemFiles, TheTimeOfProductsHasARangeAndASource) {
  const auto path = write("h100.json", replaced(h100(), "\"host\"", R"("product_time": {"value": 115}, "host")"));
  const std::string message = refusal([&] { read_system(path, kDataFolder); });
  EXPECT_PRED2(says, message, "product_time.value: is 115, but must be a number from 0.5 to 10");
  EXPECT_PRED2(says, message, "product_time.source: must say where the number comes from");
}

TEST_F(SystemFiles, NumbersWithoutASourceAreMissing) {
  const std::string text = replaced(h100(), "\"value\": 132", "\"value\": null");
  const SystemSpec system = read_system(write("h100.json", text), kDataFolder);
  EXPECT_EQ(system.missing(), std::vector<std::string>{"sm_count"});  // and not the MXFP8 peak, which H100 can't have
}

TEST_F(SystemFiles, AllProblemsAtOnce) {
  std::string text = replaced(h100(), "\"memory_bytes\"", "\"memory_byte\"");
  text = replaced(text, "\"value\": 3350000000000", "\"value\": -3350000000000");
  text = replaced(text, "\"fp8ds\"", "\"fp8dx\"");
  text = replaced(text, "\"x86\"", "\"x68\"");
  text = replaced(text, "\"device_names\": {\"value\": [\"NVIDIA H100 80GB HBM3\"]", "\"device_names\": {\"value\": 3");
  const auto path = write("h100.json", text);
  const std::string message = refusal([&] { read_system(path, kDataFolder); });
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
  EXPECT_PRED2(says, refusal([&] { read_system(path, kDataFolder); }),
               "peak_flops_per_s.bf16.value: is 989, but must be a number from 1000000000000 to 1e+18");
}

TEST_F(SystemFiles, EveryNumberNeedsASource) {
  const auto path = write("h100.json", replaced(h100(), "\"NVIDIA H100 architecture white paper, SXM5\"", "\" \""));
  EXPECT_PRED2(says, refusal([&] { read_system(path, kDataFolder); }),
               "sm_count.source: must say where the number comes from");
}

TEST_F(SystemFiles, CountsAreWhole) {
  const auto path = write("h100.json", replaced(h100(), "\"value\": 132", "\"value\": 132.5"));
  EXPECT_PRED2(says, refusal([&] { read_system(path, kDataFolder); }), "sm_count: is 132.5, but must be whole");
}

TEST_F(SystemFiles, NameIsTheFiles) {
  const auto path = write("h101.json", h100());
  EXPECT_PRED2(says, refusal([&] { read_system(path, kDataFolder); }), "name: is \"h100\" in a file called h101.json");
}

TEST_F(SystemFiles, NoObject) {
  const auto path = write("h100.json", "[1, 2]");
  EXPECT_PRED2(says, refusal([&] { read_system(path, kDataFolder); }), "must be a JSON object");
}

// Else a system would inherit what CUDA reports of another size of memory.
TEST(SystemSpec, WhoStatesItsMemoryStatesWhatCudaReports) {
  for (const std::string& name : Catalog(kDataFolder).system_names()) {
    const Json file = read_json(kDataFolder / "systems" / (name + ".json"));
    const bool states = file.find("memory_bytes") != nullptr && !file.find("memory_bytes")->find("value")->is_null();
    EXPECT_TRUE(!states || file.find("cuda_memory_bytes") != nullptr) << name;
  }
}

TEST(SystemSpec, CapacityIsWhatCudaReports) {
  SystemSpec system;
  EXPECT_FALSE(system.capacity_bytes());
  system.memory_bytes.value = 80e9;
  EXPECT_EQ(system.capacity_bytes(), 80e9);
  system.cuda_memory_bytes = 85e9;
  EXPECT_EQ(system.capacity_bytes(), 85e9);
}

}  // namespace
}  // namespace perfbench
