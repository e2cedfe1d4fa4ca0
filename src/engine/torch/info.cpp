// The functions of engine/abi.h.
#include <ATen/core/Tensor.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <torch/headeronly/version.h>

#include <exception>
#include <string>

#include "engine/abi.h"
#include "engine/torch/parts.h"
#include "engine/torch/torch_op_timer.h"
#include "engine/torch/torch_session.h"

namespace perfbench {
namespace {

// LibTorch is there when it computes: its kernels register themselves while it loads.
EngineAbiPart libtorch_part() noexcept {
  static std::string reason;
  try {
    const at::Tensor a = at::ones({2, 3});  // (2, 3)
    const at::Tensor b = at::ones({3, 2});  // (3, 2)
    if (at::mm(a, b).data_ptr<float>()[3] == 3.0F) return {TORCH_VERSION, nullptr, nullptr};
    reason = "LibTorch " TORCH_VERSION " loads but computes a wrong product of matrices";
  } catch (const std::exception& e) {
    reason = std::string("LibTorch " TORCH_VERSION " loads but does not compute: ") + e.what();
  }
  return {nullptr, reason.c_str(), "scripts/build.sh --engine"};
}

}  // namespace
}  // namespace perfbench

extern "C" {

__attribute__((visibility("default"))) perfbench::EngineAbiVersion perfbench_engine_version() noexcept {
  return {perfbench::kEngineAbi, PERFBENCH_VERSION};
}

__attribute__((visibility("default"))) const perfbench::EngineAbiInfo* perfbench_engine_info() noexcept {
  static const std::vector<perfbench::EngineAbiDevice> devices = perfbench::cuda_devices();
  static const perfbench::EngineAbiInfo info{
      perfbench::libtorch_part(),       perfbench::cuda_part(), perfbench::nccl_part(),
      static_cast<int>(devices.size()), devices.data(),         perfbench::cuda_architectures()};
  return &info;
}

__attribute__((visibility("default"))) perfbench::Session* perfbench_engine_open(
    const perfbench::Plan& plan, const perfbench::SessionSettings& settings) {
  return perfbench::make_torch_session(plan, settings).release();
}

__attribute__((visibility("default"))) perfbench::OpTimer* perfbench_engine_op_timer(
    const perfbench::OpTimerSettings& settings) {
  return perfbench::make_torch_op_timer(settings).release();
}
}
