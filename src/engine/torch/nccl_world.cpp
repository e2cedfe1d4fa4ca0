#include "engine/torch/nccl_world.h"

#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "engine/torch/lone_world.h"
#include "engine/torch/nccl_comm.h"
#include "engine/torch/nccl_transfers.h"

namespace perfbench {
namespace {

ncclDataType_t nccl_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    case DType::f8e4m3:
      return ncclFloat8e4m3;
    case DType::f8e5m2:
      return ncclFloat8e5m2;
    case DType::i64:
      return ncclInt64;
  }
  throw std::logic_error("NCCL: no such type");
}

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<NcclComm> comm, int rank, int size, cudaStream_t stream, AbortSignal& abort)
      : comm_(std::move(comm)), rank_(rank), size_(size), stream_(stream), abort_(abort) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_gather(const void* in, void* out, std::int64_t elements, DType dtype) override {
    enqueue("all_gather", elements * size_ * size_bytes(dtype),
            [&] { return ncclAllGather(in, out, count_of(elements), nccl_type(dtype), comm_->get(), stream_); });
  }

  void reduce_scatter(const void* in, void* out, std::int64_t elements, DType dtype) override {
    enqueue("reduce_scatter", elements * size_ * size_bytes(dtype), [&] {
      return ncclReduceScatter(in, out, count_of(elements), nccl_type(dtype), ncclSum, comm_->get(), stream_);
    });
  }

  void all_reduce(void* data, std::int64_t elements, DType dtype, Reduction reduction) override {
    const ncclRedOp_t op = reduction == Reduction::sum ? ncclSum : ncclMax;
    enqueue("all_reduce", elements * size_bytes(dtype),
            [&] { return ncclAllReduce(data, data, count_of(elements), nccl_type(dtype), op, comm_->get(), stream_); });
  }

  void all_gather_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override {
    enqueue_group("all_gather", total_of(elements) * size_bytes(dtype), [&](const auto& call) {
      char* part = static_cast<char*>(out);
      for (int root = 0; root < size_; ++root) {
        const std::int64_t count = of(elements, root);
        if (count > 0) {
          call(ncclBroadcast(in, part, count_of(count), nccl_type(dtype), root, comm_->get(), stream_));
        }
        part += count * size_bytes(dtype);
      }
    });
  }

  void reduce_scatter_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override {
    enqueue_group("reduce_scatter", total_of(elements) * size_bytes(dtype), [&](const auto& call) {
      const char* part = static_cast<const char*>(in);
      for (int root = 0; root < size_; ++root) {
        const std::int64_t count = of(elements, root);
        if (count > 0) {
          call(ncclReduce(part, out, count_of(count), nccl_type(dtype), ncclSum, root, comm_->get(), stream_));
        }
        part += count * size_bytes(dtype);
      }
    });
  }

  void ring_shift(const void* in, void* out, std::int64_t elements, DType dtype) override {
    const int next = (rank_ + 1) % size_, before = (rank_ + size_ - 1) % size_;
    enqueue_group("ring_shift", elements * size_bytes(dtype), [&](const auto& call) {
      call(ncclSend(in, count_of(elements), nccl_type(dtype), next, comm_->get(), stream_));
      call(ncclRecv(out, count_of(elements), nccl_type(dtype), before, comm_->get(), stream_));
    });
  }

  void all_to_all(const void* in, std::span<const std::int64_t> send, void* out, std::span<const std::int64_t> receive,
                  DType dtype) override {
    check(total_of(receive) == 0 || out != in, "all_to_all: in place");
    enqueue_group("all_to_all", total_of(send) * size_bytes(dtype), [&](const auto& call) {
      const char* from = static_cast<const char*>(in);
      char* to = static_cast<char*>(out);
      for (int peer = 0; peer < size_; ++peer) {
        const std::int64_t sent = of(send, peer), received = of(receive, peer);
        if (sent > 0) call(ncclSend(from, count_of(sent), nccl_type(dtype), peer, comm_->get(), stream_));
        if (received > 0) call(ncclRecv(to, count_of(received), nccl_type(dtype), peer, comm_->get(), stream_));
        from += sent * size_bytes(dtype);
        to += received * size_bytes(dtype);
      }
    });
  }

  Traffic traffic() const override { return traffic_; }

 private:
  static std::size_t count_of(std::int64_t elements) {
    check(elements >= 0, "collective: a negative number of elements");
    return static_cast<std::size_t>(elements);
  }

  static std::int64_t of(std::span<const std::int64_t> elements, int member) {
    return elements[static_cast<std::size_t>(member)];
  }
  std::int64_t total_of(std::span<const std::int64_t> elements) const {
    check(std::ssize(elements) == size_, "collective: not one size for each member");
    check(std::ranges::min(elements) >= 0, "collective: a negative number of elements");
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }

  // `issue` is given what takes the result of each of its calls. NCCL starts them together, so that no rank waits for
  // another one to send first.
  template <class Issue>
  void enqueue_group(const std::string& what, std::int64_t bytes, const Issue& issue) {
    enqueue(what, bytes, [&] {
      check_nccl(ncclGroupStart(), what);
      ncclResult_t refused = ncclSuccess;
      issue([&refused](ncclResult_t result) {
        if (result != ncclInProgress && refused == ncclSuccess) refused = result;
      });
      const ncclResult_t result = ncclGroupEnd();  // whatever the calls say: a group is never left open
      check_nccl(refused, what);
      return result;
    });
  }

  // `call` enqueues on stream_. Ops with hidden collectives call from the compute lane's stream, collective ops from
  // stream_ itself.
  template <class Call>
  void enqueue(const std::string& what, std::int64_t bytes, const Call& call) {
    abort_.throw_if_raised();
    comm_->check_async("an earlier call");
    const cudaStream_t caller = c10::cuda::getCurrentCUDAStream().stream();
    order_streams(caller, stream_);
    comm_->settle(call(), what);
    order_streams(stream_, caller);
    ++traffic_.calls;
    traffic_.bytes += bytes;
  }

  std::unique_ptr<NcclComm> comm_;
  int rank_, size_;
  cudaStream_t stream_;
  AbortSignal& abort_;
  Traffic traffic_;
};

void refuse_shared_devices(const std::map<int, int>& devices) {
  std::map<int, int> rank_on;
  for (const auto& [rank, device] : devices) {
    const auto [first, added] = rank_on.emplace(device, rank);
    if (added) continue;
    throw EnvironmentError(
        "NCCL",
        fmt::format("ranks {} and {} are both on GPU {}: NCCL takes one rank per GPU", first->second, rank, device),
        "use as many GPUs as ranks, or fewer ranks");
  }
}

class WorldOverNccl final : public World {
 public:
  explicit WorldOverNccl(const NcclWorldOptions& options) : options_(options) {
    refuse_shared_devices(options_.devices);
  }

  int num_ranks() const override { return options_.num_ranks; }

  std::unique_ptr<Communicator> group_on(int rank, const std::vector<int>& members, void* stream) override {
    abort_.throw_if_raised();
    const auto found = std::find(members.begin(), members.end(), rank);
    check(found != members.end(), "world: the caller is no member of the group");
    const int index = static_cast<int>(found - members.begin());
    const int size = static_cast<int>(members.size());
    if (size == 1) return make_lone_communicator(index, size, at::Device(at::kCUDA, device_of(rank)));
    const std::string name = next_name(rank, members);
    auto comm =
        std::make_unique<NcclComm>(name, device_of(rank), options_.share_id(name, index == 0), index, size, patience());
    return std::make_unique<NcclCommunicator>(std::move(comm), index, size, static_cast<cudaStream_t>(stream), abort_);
  }

  std::unique_ptr<Transfers> transfers_on(int rank, void* stream) override {
    abort_.throw_if_raised();
    check_cuda(cudaSetDevice(options_.devices.at(rank)), "transfers");
    return std::make_unique<NcclTransfers>(options_, rank, static_cast<cudaStream_t>(stream), patience());
  }

  void synchronize(int rank, void* stream) override {
    const std::string what = fmt::format("rank {}: what is enqueued", rank);
    patience().wait(what, [&] {
      const cudaError_t state = cudaStreamQuery(static_cast<cudaStream_t>(stream));
      if (state == cudaErrorNotReady) return false;
      check_cuda(state, what);
      return true;
    });
  }

  void abort(const std::string& reason) noexcept override {
    abort_.set(reason);
    abort_.wake();
  }

 private:
  at::DeviceIndex device_of(int rank) const { return static_cast<at::DeviceIndex>(options_.devices.at(rank)); }
  NcclPatience patience() {
    return {.abort = abort_, .timeout = options_.timeout, .open_timeout = options_.open_timeout};
  }

  // A rank that asks for the same members again gets the next group of them.
  std::string next_name(int rank, const std::vector<int>& members) {
    const std::lock_guard lock(mutex_);
    const int nth = asked_[{rank, members}]++;
    return fmt::format("group {} of ranks {}", nth, fmt::join(members, ", "));
  }

  const NcclWorldOptions options_;
  AbortSignal abort_;
  std::mutex mutex_;
  std::map<std::pair<int, std::vector<int>>, int> asked_;
};

}  // namespace

std::unique_ptr<World> make_nccl_world(const NcclWorldOptions& options) {
  return std::make_unique<WorldOverNccl>(options);
}

NcclId make_nccl_id() {
  ncclUniqueId unique;
  check_nccl(ncclGetUniqueId(&unique), "NCCL: unique id");
  NcclId id;
  std::memcpy(id.data(), unique.internal, id.size());
  return id;
}

}  // namespace perfbench
