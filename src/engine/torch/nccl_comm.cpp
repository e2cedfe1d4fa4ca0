#include "engine/torch/nccl_comm.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <thread>

#include "base/error.h"

namespace perfbench {

void NcclPatience::wait(const std::string& what, const std::function<bool()>& done) const {
  const auto stop = [&](const std::string& reason, AbortCause cause) {
    abort.set(reason, cause);
    abort.wake();
    abort.throw_if_raised();
  };
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  try {
    while (!done()) {
      abort.throw_if_raised();
      if (std::chrono::steady_clock::now() > deadline) {
        stop(fmt::format("{}: not done after {:g} s", what, std::chrono::duration<double>(timeout).count()),
             AbortCause::timeout);
      }
      std::this_thread::yield();
    }
  } catch (const RunError& error) {
    stop(error.problems().front().what, AbortCause::failure);
  }
}

void check_cuda(cudaError_t result, const std::string& what) {
  if (result != cudaSuccess) throw RunError("", what + ": " + cudaGetErrorString(result));
}

void check_nccl(ncclResult_t result, const std::string& what) {
  if (result != ncclSuccess) throw RunError("", what + ": " + ncclGetErrorString(result));
}

void order_streams(cudaStream_t earlier, cudaStream_t later) {
  if (earlier == later) return;
  cudaEvent_t now = nullptr;
  check_cuda(cudaEventCreateWithFlags(&now, cudaEventDisableTiming), "event");
  const auto destroy = std::unique_ptr<CUevent_st, cudaError_t (*)(cudaEvent_t)>(now, cudaEventDestroy);
  check_cuda(cudaEventRecord(now, earlier), "event");
  check_cuda(cudaStreamWaitEvent(later, now, 0), "event");
}

NcclComm::NcclComm(std::string name, int device, const NcclId& id, int rank, int size, const NcclPatience& patience,
                   std::optional<int> max_ctas)
    : name_(std::move(name)), patience_(patience) {
  check_cuda(cudaSetDevice(device), fmt::format("{}: device {}", name_, device));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  if (max_ctas) config.maxCTAs = *max_ctas;
  ncclUniqueId unique;
  static_assert(sizeof unique.internal == sizeof(NcclId));
  std::memcpy(unique.internal, id.data(), id.size());
  const ncclResult_t result = ncclCommInitRankConfig(&comm_, size, unique, rank, &config);
  try {
    settle(result, "init", patience_.while_opening());
  } catch (const RunError&) {  // a constructor that throws has no destructor
    if (comm_ != nullptr) ncclCommAbort(comm_);
    throw;
  }
}

NcclComm::~NcclComm() {
  try {
    if (!patience_.abort.raised()) {
      settle(ncclCommFinalize(comm_), "finalize");
      ncclCommDestroy(comm_);
      return;
    }
  } catch (const RunError&) {  // the world is aborted now, which says why
  }
  ncclCommAbort(comm_);
}

void NcclComm::settle(ncclResult_t result, const std::string& what, const NcclPatience& patience) {
  const std::string call = name_ + ": " + what;
  patience.wait(call, [&] {
    if (result == ncclInProgress) check_nccl(ncclCommGetAsyncError(comm_, &result), call);
    if (result == ncclInProgress) return false;
    check_nccl(result, call);
    return true;
  });
}

void NcclComm::check_async(const std::string& what) {
  ncclResult_t state = ncclSuccess;
  check_nccl(ncclCommGetAsyncError(comm_, &state), name_ + ": " + what);
  if (state != ncclInProgress) check_nccl(state, name_ + ": " + what);
}

void NcclComm::connect(ncclResult_t result, cudaStream_t stream) {
  const std::string what = "connect";
  const NcclPatience patience = patience_.while_opening();
  settle(result, what, patience);
  patience.wait(name_ + ": " + what, [&] {
    check_async(what);
    const cudaError_t state = cudaStreamQuery(stream);
    if (state == cudaErrorNotReady) return false;
    check_cuda(state, name_ + ": " + what);
    return true;
  });
}

}  // namespace perfbench
