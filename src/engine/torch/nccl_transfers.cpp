#include "engine/torch/nccl_transfers.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"

namespace perfbench {

namespace {

// A receive is posted a slot ahead and holds its blocks of the chip until the peer sends: few, so that compute keeps
// the others. Four move more than a network card does.
constexpr int kTransferCtas = 4;

}  // namespace

NcclTransfers::NcclTransfers(const NcclWorldOptions& options, int rank, cudaStream_t after,
                             const NcclPatience& patience)
    : rank_(rank), device_(options.devices.at(rank)), after_(after), patience_(patience) {
  for (const NcclLink& link : std::set<NcclLink>(options.links.begin(), options.links.end())) {
    if (link.source == rank || link.destination == rank) connect(link, options);
  }
}

// The first transfer of a communicator sets up its channels, which waits for the other end: one byte goes ahead.
void NcclTransfers::connect(const NcclLink& link, const NcclWorldOptions& options) {
  const std::string name =
      fmt::format("transfers from rank {} to rank {} on channel {}", link.source, link.destination, link.channel);
  check(link.source != link.destination, "NCCL: a link joins two ranks");
  const bool sender = link.source == rank_;
  auto& comm = comms_[link];
  comm = std::make_unique<NcclComm>(name, device_, options.share_id(name, sender), sender ? 0 : 1, 2, patience_,
                                    kTransferCtas);
  void* byte = nullptr;
  check_cuda(cudaMalloc(&byte, 1), name);
  const auto free_byte = std::unique_ptr<void, cudaError_t (*)(void*)>(byte, cudaFree);
  comm->connect(sender ? ncclSend(byte, 1, ncclInt8, 1, comm->get(), after_)
                       : ncclRecv(byte, 1, ncclInt8, 0, comm->get(), after_),
                after_);
}

NcclTransfers::~NcclTransfers() {
  comms_.clear();  // finishes, or aborts, what the streams hold
  for (const auto& [id, transfer] : pending_) cudaEventDestroy(transfer.done);
  for (const auto& [lane, stream] : lanes_) cudaStreamDestroy(stream);
}

NcclComm& NcclTransfers::comm(const NcclLink& link) {
  patience_.abort.throw_if_raised();
  const auto found = comms_.find(link);
  check(found != comms_.end(), "NCCL: a transfer on a link that the world was not told");
  return *found->second;
}

cudaStream_t NcclTransfers::begin(int lane) {
  cudaStream_t& stream = lanes_[lane];
  if (stream == nullptr) check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream of a lane");
  order_streams(after_, stream);
  return stream;
}

Transfers::Ticket NcclTransfers::end(NcclComm& comm, cudaStream_t stream) {
  Pending& transfer = pending_[next_id_];
  transfer.comm = &comm;
  check_cuda(cudaEventCreateWithFlags(&transfer.done, cudaEventDisableTiming), "event");
  check_cuda(cudaEventRecord(transfer.done, stream), "event");
  return {next_id_++};
}

Transfers::Ticket NcclTransfers::send(int lane, int destination, int channel, const void* data, std::int64_t bytes) {
  NcclComm& link = comm({rank_, destination, channel});
  const cudaStream_t stream = begin(lane);
  link.settle(ncclSend(data, static_cast<std::size_t>(bytes), ncclInt8, 1, link.get(), stream), "send");
  ++traffic_.calls;
  traffic_.bytes += bytes;
  return end(link, stream);
}

Transfers::Ticket NcclTransfers::receive(int lane, int source, int channel, void* data, std::int64_t bytes) {
  NcclComm& link = comm({source, rank_, channel});
  const cudaStream_t stream = begin(lane);
  link.settle(ncclRecv(data, static_cast<std::size_t>(bytes), ncclInt8, 0, link.get(), stream), "receive");
  return end(link, stream);
}

void NcclTransfers::wait(Ticket ticket) {
  patience_.abort.throw_if_raised();
  check(ticket.id >= 0 && ticket.id < next_id_, "transfers: no such ticket");
  const auto found = pending_.find(ticket.id);
  if (found == pending_.end()) return;
  found->second.comm->check_async("transfer");
  check_cuda(cudaStreamWaitEvent(after_, found->second.done, 0), "transfer");
  check_cuda(cudaEventDestroy(found->second.done), "transfer");  // when it is reached
  pending_.erase(found);
}

}  // namespace perfbench
