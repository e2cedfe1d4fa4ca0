// One NCCL communicator on one device, non-blocking: whoever waits looks at the abort signal and the clock.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "engine/comm/abort_signal.h"
#include "engine/torch/nccl_world.h"

namespace perfbench {

// What waiting needs to know.
struct NcclPatience {
  AbortSignal& abort;
  std::chrono::milliseconds timeout;
  std::chrono::milliseconds open_timeout;  // while communicators are made and connected

  // Calls `done` until it says so. Throws TimeoutError after the timeout and RunError when the world is aborted; aborts
  // the world when `done` throws or the time is over.
  void wait(const std::string& what, const std::function<bool()>& done) const;

  NcclPatience while_opening() const { return {abort, open_timeout, open_timeout}; }
};

// Throw RunError with `what` and CUDA's or NCCL's words.
void check_cuda(cudaError_t result, const std::string& what);
void check_nccl(ncclResult_t result, const std::string& what);

// What `later` is given from now on comes behind what `earlier` holds. Nothing to do for one and the same stream.
void order_streams(cudaStream_t earlier, cudaStream_t later);

class NcclComm {
 public:
  // Collective over the group: returns when all its members have come. Sets the calling thread's device. `max_ctas` is
  // the most blocks of the chip that one call may take; unset: as many as NCCL finds best for its bandwidth.
  NcclComm(std::string name, int device, const NcclId& id, int rank, int size, const NcclPatience& patience,
           std::optional<int> max_ctas = std::nullopt);
  ~NcclComm();  // aborts what the group has not finished when the world is aborted
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  ncclComm_t get() const { return comm_; }
  // To be called with the result of each call on get(): returns when NCCL has taken the call.
  void settle(ncclResult_t result, const std::string& what) { settle(result, what, patience_); }
  // The same for what the first transfer over the communicator needs: it waits for the other ranks' first one.
  void connect(ncclResult_t result, cudaStream_t stream);
  // Throws when something that was enqueued before has failed.
  void check_async(const std::string& what);

 private:
  void settle(ncclResult_t result, const std::string& what, const NcclPatience& patience);

  std::string name_;
  NcclPatience patience_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace perfbench
