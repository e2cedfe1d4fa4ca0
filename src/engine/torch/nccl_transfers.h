// Transfers over NCCL: a communicator of two ranks per link, a stream per lane.
#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <memory>

#include "engine/torch/nccl_comm.h"

namespace perfbench {

class NcclTransfers final : public Transfers {
 public:
  // Collective over all ranks of the world that have links. Each link is connected here, in the same order on all
  // ranks, so that posting never waits for the other end.
  NcclTransfers(const NcclWorldOptions& options, int rank, cudaStream_t after, const NcclPatience& patience);
  ~NcclTransfers() override;
  NcclTransfers(const NcclTransfers&) = delete;
  NcclTransfers& operator=(const NcclTransfers&) = delete;

  Ticket send(int lane, int destination, int channel, const void* data, std::int64_t bytes) override;
  Ticket receive(int lane, int source, int channel, void* data, std::int64_t bytes) override;
  void wait(Ticket ticket) override;
  Traffic traffic() const override { return traffic_; }

 private:
  struct Pending {
    NcclComm* comm = nullptr;
    cudaEvent_t done = nullptr;
  };

  void connect(const NcclLink& link, const NcclWorldOptions& options);
  NcclComm& comm(const NcclLink& link);
  cudaStream_t begin(int lane);  // the lane's stream, behind what `after_` holds now
  Ticket end(NcclComm& comm, cudaStream_t stream);

  int rank_;
  int device_;
  cudaStream_t after_;
  NcclPatience patience_;
  std::map<NcclLink, std::unique_ptr<NcclComm>> comms_;
  std::map<int, cudaStream_t> lanes_;
  std::map<std::int64_t, Pending> pending_;
  std::int64_t next_id_ = 0;
  Traffic traffic_;
};

}  // namespace perfbench
