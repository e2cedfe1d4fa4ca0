#include "engine/torch/lone_world.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr double kReceivedDeviation = 0.02;  // as initial weights have

at::Tensor bytes_at(const void* data, std::int64_t bytes, at::Device device) {
  return at::from_blob(const_cast<void*>(data), {bytes}, at::TensorOptions().dtype(at::kByte).device(device));
}

class LoneCommunicator final : public Communicator {
 public:
  LoneCommunicator(int rank, int size, at::Device device) : rank_(rank), size_(size), device_(device) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_gather(const void* in, void* out, std::int64_t elements, DType dtype) override {
    const std::int64_t bytes = elements * size_bytes(dtype);
    const at::Tensor own = bytes_at(in, bytes, device_);
    for (int part = 0; part < size_; ++part) copy(own, static_cast<char*>(out) + part * bytes);
  }
  void reduce_scatter(const void* in, void* out, std::int64_t elements, DType dtype) override {
    const std::int64_t bytes = elements * size_bytes(dtype);
    copy(bytes_at(static_cast<const char*>(in) + rank_ * bytes, bytes, device_), out);
  }
  void all_reduce(void*, std::int64_t, DType, Reduction) override {}
  void ring_shift(const void* in, void* out, std::int64_t elements, DType dtype) override {
    copy(bytes_at(in, elements * size_bytes(dtype), device_), out);
  }
  void all_gather_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override {
    repeat(in, elements[static_cast<std::size_t>(rank_)] * size_bytes(dtype), out, sum(elements) * size_bytes(dtype));
  }
  void reduce_scatter_parts(const void* in, void* out, std::span<const std::int64_t> elements, DType dtype) override {
    const std::int64_t before = sum(elements.first(static_cast<std::size_t>(rank_))) * size_bytes(dtype);
    const std::int64_t bytes = elements[static_cast<std::size_t>(rank_)] * size_bytes(dtype);
    repeat(static_cast<const char*>(in) + before, bytes, out, bytes);
  }
  void all_to_all(const void* in, std::span<const std::int64_t> send, void* out, std::span<const std::int64_t> receive,
                  DType dtype) override {
    repeat(in, sum(send) * size_bytes(dtype), out, sum(receive) * size_bytes(dtype));
  }
  Traffic traffic() const override { return {}; }

 private:
  static std::int64_t sum(std::span<const std::int64_t> elements) {
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  // What is there, over and over, until `out` is full; zeros where nothing is.
  void repeat(const void* in, std::int64_t bytes, void* out, std::int64_t wanted) const {
    if (wanted == 0) return;
    if (bytes == 0) bytes_at(out, wanted, device_).zero_();
    for (std::int64_t done = 0; bytes > 0 && done < wanted; done += bytes) {
      copy(bytes_at(in, std::min(bytes, wanted - done), device_), static_cast<char*>(out) + done);
    }
  }
  void copy(const at::Tensor& from, void* to) const {
    if (from.data_ptr() != to) bytes_at(to, from.numel(), device_).copy_(from, true);
  }

  int rank_, size_;
  at::Device device_;
};

class LoneTransfers final : public Transfers {
 public:
  explicit LoneTransfers(at::Device device) : device_(device) {}

  Ticket send(int, int, int, const void*, std::int64_t) override { return {0}; }
  // BF16 numbers; two of them are a float32 of the size of the second.
  Ticket receive(int, int, int, void* data, std::int64_t bytes) override {
    at::Tensor& made = made_[bytes];
    if (!made.defined()) {
      const auto options = at::TensorOptions().dtype(at::kFloat).device(device_);
      made = at::randn({bytes / 2}, options).mul_(kReceivedDeviation).to(at::kBFloat16);
    }
    bytes_at(data, bytes, device_).copy_(made.view(at::kByte), true);
    return {0};
  }
  void wait(Ticket) override {}
  Traffic traffic() const override { return {}; }

 private:
  at::Device device_;
  std::map<std::int64_t, at::Tensor> made_;  // by bytes
};

class LoneWorld final : public World {
 public:
  LoneWorld(int num_ranks, at::Device device) : num_ranks_(num_ranks), device_(device) {}

  int num_ranks() const override { return num_ranks_; }
  std::unique_ptr<Communicator> group_on(int rank, const std::vector<int>& members, void*) override {
    const auto found = std::find(members.begin(), members.end(), rank);
    check(found != members.end(), "world: the caller is no member of the group");
    return make_lone_communicator(static_cast<int>(found - members.begin()), static_cast<int>(members.size()), device_);
  }
  std::unique_ptr<Transfers> transfers_on(int, void*) override { return std::make_unique<LoneTransfers>(device_); }
  void synchronize(int, void*) override {}
  void abort(const std::string&) noexcept override {}

 private:
  int num_ranks_;
  at::Device device_;
};

}  // namespace

std::unique_ptr<World> make_lone_world(int num_ranks, at::Device device) {
  return std::make_unique<LoneWorld>(num_ranks, device);
}

std::unique_ptr<Communicator> make_lone_communicator(int rank, int size, at::Device device) {
  return std::make_unique<LoneCommunicator>(rank, size, device);
}

}  // namespace perfbench
