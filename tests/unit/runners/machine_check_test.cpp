// Reports of machines that are not at hand, and what is said of each.
#include "runners/machine_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runners/auto_mode.h"
#include "runners/machine_fit.h"
#include "unit/support/gpus.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

const Catalog& catalog() {
  static const Catalog the_catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  return the_catalog;
}

std::string what_of(const std::optional<Problem>& problem) { return problem ? problem->what : ""; }
std::string hint_of(const std::optional<Problem>& problem) { return problem ? problem->hint : ""; }

TEST(MachineCheck, AMachineWithGpusIsFine) {
  EXPECT_EQ(what_of(machine_problem(gpu_report(8), 8)), "");
  EXPECT_NO_THROW(require_machine(gpu_report(1), 1));
}

TEST(MachineCheck, PartsThatAreMissingAreNamedWithTheirRemedy) {
  EngineReport report = gpu_report(1);
  report.cuda = {.version = "", .missing = "CUDA runtime 13.0, driver for CUDA 12.4: too old", .remedy = "a newer one"};
  report.devices.clear();
  EXPECT_EQ(what_of(machine_problem(report, 1)),
            "CUDA cannot be used: CUDA runtime 13.0, driver for CUDA 12.4: too old");
  EXPECT_THAT(hint_of(machine_problem(report, 1)), HasSubstr("a newer one; --mode simulate"));
  report.libtorch = {.version = "", .missing = "does not load", .remedy = ""};
  EXPECT_EQ(what_of(machine_problem(report, 1)), "LibTorch cannot be used: does not load");
  report.engine = {.version = "", .missing = "is not built", .remedy = "build it"};
  EXPECT_EQ(what_of(machine_problem(report, 1)), "the engine cannot be used: is not built");
  EngineReport without_nccl = gpu_report(2);
  without_nccl.nccl = {.version = "", .missing = "no nccl.h", .remedy = ""};
  EXPECT_EQ(what_of(machine_problem(without_nccl, 2)), "NCCL cannot be used: no nccl.h");
  EXPECT_FALSE(machine_problem(without_nccl, 1)) << "one rank reaches nobody";
}

TEST(MachineCheck, NoVisibleGpu) {
  EXPECT_EQ(what_of(machine_problem(gpu_report(0), 1)), "CUDA 13.0 is there, and no GPU is visible");
  EXPECT_THAT(hint_of(machine_problem(gpu_report(0), 1)), HasSubstr("CUDA_VISIBLE_DEVICES"));
}

TEST(MachineCheck, TwoRanksOnOneGpuAreRefusedWithTheReason) {
  const auto problem = machine_problem(gpu_report(1), 2);
  EXPECT_EQ(
      what_of(problem),
      "2 ranks need 2 GPUs, and 1 is visible (NVIDIA H200): NCCL takes one rank per GPU, two ranks on one GPU are "
      "refused");
  EXPECT_THAT(hint_of(problem), HasSubstr("--num_gpus 1 or fewer"));
  try {
    require_machine(gpu_report(1), 2);
    FAIL();
  } catch (const EnvironmentError& error) {
    EXPECT_EQ(error.code(), ExitCode::environment);
    EXPECT_EQ(error.problems().at(0).where, "--device cuda");
  }
}

TEST(MachineCheck, GpusOfDifferentKindsAreRefusedWhereBothAreUsed) {
  EngineReport report = gpu_report(3);
  report.devices[2].name = "NVIDIA H100 PCIe";
  EXPECT_EQ(what_of(machine_problem(report, 2)), "");
  EXPECT_THAT(what_of(machine_problem(report, 3)), HasSubstr("GPU 0 is NVIDIA H200, and GPU 2 is NVIDIA H100 PCIe"));
}

TEST(MachineCheck, KernelsForOtherArchitecturesAreRefused) {
  EngineReport report = gpu_report(1);
  report.cuda_architectures = {"90a", "100a"};
  EXPECT_EQ(what_of(machine_problem(report, 1)), "");
  report.devices[0].compute_major = 10;
  report.devices[0].compute_minor = 3;  // GB300
  EXPECT_EQ(what_of(machine_problem(report, 1)),
            "NVIDIA H200 has compute capability 10.3, and the engine's kernels are built for 90a, 100a");
  EXPECT_THAT(hint_of(machine_problem(report, 1)), HasSubstr("CMAKE_CUDA_ARCHITECTURES=103"));
  report.cuda_architectures = {};  // an engine that does not say
  EXPECT_EQ(what_of(machine_problem(report, 1)), "");
}

TEST(MachineCheck, ArchitecturesRunWhereCudaSays) {
  const auto device = [](int major, int minor) {
    return CudaDevice{.name = "", .memory_bytes = 0, .compute_major = major, .compute_minor = minor};
  };
  EXPECT_TRUE(runs_on("90a", device(9, 0)));
  EXPECT_FALSE(runs_on("90a", device(10, 0)));
  EXPECT_FALSE(runs_on("100a", device(10, 3)));
  EXPECT_TRUE(runs_on("100f", device(10, 3)));
  EXPECT_FALSE(runs_on("100f", device(12, 0)));
  EXPECT_TRUE(runs_on("80", device(9, 0)));  // its PTX is compiled by the driver
  EXPECT_TRUE(runs_on("80-virtual", device(9, 0)));
  EXPECT_TRUE(runs_on("80-real", device(8, 6)));
  EXPECT_FALSE(runs_on("80-real", device(9, 0)));
  EXPECT_FALSE(runs_on("90", device(8, 9)));
  EXPECT_FALSE(runs_on("", device(9, 0)));
}

TEST(MachineCheck, TheSystemIsThatOfTheDevices) {
  Request request;
  apply_devices(gpu_report(1), catalog(), request);
  EXPECT_EQ(request.system, "h200");
  EXPECT_EQ(request.origins.at("system"), "device NVIDIA H200");
  Request same;
  same.system = "DGX-H200";  // an alias
  EXPECT_NO_THROW(apply_devices(gpu_report(1), catalog(), same));
  EXPECT_EQ(same.system, "DGX-H200");
}

std::string refusal(const Request& asked, const EngineReport& report) {
  try {
    Request request = asked;
    apply_devices(report, catalog(), request);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(MachineCheck, AnotherSystemIsRefusedWithBothNames) {
  Request request;
  request.system = "h100";
  request.origins["system"] = "flag -g";
  EXPECT_THAT(refusal(request, gpu_report(1)),
              HasSubstr("-g: is h100, and the GPUs here are NVIDIA H200, system h200"));
  EngineReport unknown = gpu_report(1);
  unknown.devices[0].name = "NVIDIA GeForce RTX 4090";
  EXPECT_THAT(refusal(request, unknown), HasSubstr("are NVIDIA GeForce RTX 4090, of no system that is described"));
  EXPECT_THAT(refusal({}, unknown), HasSubstr("--gpu: is needed: no file of "));
}

TEST(MachineCheck, AGpuMustHoldTheFullestStageAndTheContext) {
  constexpr std::int64_t kGiBytes = std::int64_t{1} << 30;
  std::vector<StageMemoryBytes> stages(2);
  stages[0].parameters = 30.0 * static_cast<double>(kGiBytes);
  stages[1].parameters = 20.0 * static_cast<double>(kGiBytes);
  stages[1].activations = 19.0 * static_cast<double>(kGiBytes);
  stages[1].context = 5.0 * static_cast<double>(kGiBytes);  // of a stack, not of this engine
  std::vector<CudaDevice> devices = gpu_report(2).devices;
  devices[1].memory_bytes = 40 * kGiBytes;
  EXPECT_EQ(why_it_does_not_fit(stages, devices), "");
  --devices[1].memory_bytes;
  EXPECT_EQ(why_it_does_not_fit(stages, devices),
            "a rank of stage 1 needs 39.00 GiB by the plan and CUDA's context 1.00 GiB, and NVIDIA H200 has 40.00 GiB");
  EXPECT_EQ(why_it_does_not_fit(stages, {}), "");
}

Job job_of(const char* system, int num_gpus) {
  Job job;
  job.system = catalog().system(system, "");
  job.num_gpus = num_gpus;
  return job;
}

TEST(AutoMode, MeasuresWhereTheGpusAreThoseThatAreAskedFor) {
  const ModeChoice choice = choose_mode(job_of("h200", 4), "", gpu_report(8));
  EXPECT_TRUE(choice.measures);
  EXPECT_EQ(note_of(choice), "mode auto: measured, because the job asks for 4 h200, and 8 are here (NVIDIA H200)");
  EXPECT_TRUE(choose_mode(job_of("h200", 8), "perfbench", gpu_report(8)).measures);
}

TEST(AutoMode, SimulatesElseAndSaysWhy) {
  const auto why = [](const ModeChoice& choice) {
    EXPECT_FALSE(choice.measures);
    return note_of(choice);
  };
  EXPECT_EQ(why(choose_mode(job_of("h100", 1), "", gpu_report(8))),
            "mode auto: simulated, because the job asks for h100, and the GPUs here are NVIDIA H200");
  EXPECT_THAT(why(choose_mode(job_of("h200", 9), "", gpu_report(8))),
              HasSubstr("9 ranks need 9 GPUs, and 8 are visible"));
  EXPECT_THAT(why(choose_mode(job_of("h200", 1), "megatron", gpu_report(8))),
              HasSubstr("stack megatron is simulated only"));
  EXPECT_THAT(why(choose_mode(job_of("h200", 1), "", gpu_report(0))), HasSubstr("no GPU is visible"));
}

}  // namespace
}  // namespace perfbench
