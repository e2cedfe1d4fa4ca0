#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "engine/comm/reduce.h"
#include "engine/comm/thread_group.h"

namespace perfbench {
namespace {

constexpr std::int64_t kSliceElements = 64;  // slices of ranks begin at multiples, so that none share a cache line

CollectiveCall call_of(Collective kind, const void* in, void* out, std::int64_t elements, DType dtype) {
  check(elements >= 0, "collective: a negative number of elements");
  return {.kind = kind,
          .dtype = dtype,
          .elements = elements,
          .in = static_cast<const std::byte*>(in),
          .out = static_cast<std::byte*>(out)};
}

// Asked before a rank enters: whoever has entered must leave, or the others wait for ever.
void check_summed(DType dtype) {
  check(dtype != DType::f8e4m3 && dtype != DType::f8e5m2, "collective: types of 8 bits are gathered, never summed");
}

void copy(std::byte* to, const std::byte* from, std::int64_t bytes) {
  if (to != from && bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

std::int64_t sum(std::span<const std::int64_t> elements) {
  return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
}

std::int64_t sum_before(std::span<const std::int64_t> elements, int rank) {
  return sum(elements.first(static_cast<std::size_t>(rank)));
}

// The call of a rank whose part is one of `elements`.
CollectiveCall call_of_parts(Collective kind, const void* in, void* out, std::span<const std::int64_t> elements,
                             int rank, DType dtype) {
  CollectiveCall call = call_of(kind, in, out, elements[static_cast<std::size_t>(rank)], dtype);
  call.send = elements;
  return call;
}

}  // namespace

// A group of one moves nothing: its calls are no traffic.
bool ThreadCommunicator::alone(const CollectiveCall& call) {
  if (size() > 1) return false;
  abort_.throw_if_raised();
  copy(call.out, call.in, call.elements * size_bytes(call.dtype));
  return true;
}

void ThreadCommunicator::check_parts(std::span<const std::int64_t> elements) const {
  check(std::ssize(elements) == size() && std::ranges::all_of(elements, [](std::int64_t n) { return n >= 0; }),
        "collective: parts are as many as ranks, and none is negative");
}

void ThreadCommunicator::count(std::int64_t bytes) {
  ++traffic_.calls;
  traffic_.bytes += bytes;
}

void ThreadCommunicator::all_gather(const void* in, void* out, std::int64_t elements, DType dtype) {
  const CollectiveCall call = call_of(Collective::all_gather, in, out, elements, dtype);
  if (alone(call)) return;
  const std::int64_t bytes = elements * size_bytes(dtype);
  group_.enter(rank_, call);
  for (int rank = 0; rank < size(); ++rank) copy(call.out + rank * bytes, group_.call_of(rank).in, bytes);
  group_.leave();
  count(bytes * size());
}

void ThreadCommunicator::reduce_scatter(const void* in, void* out, std::int64_t elements, DType dtype) {
  check_summed(dtype);
  const CollectiveCall call = call_of(Collective::reduce_scatter, in, out, elements, dtype);
  if (alone(call)) return;
  const std::int64_t bytes = elements * size_bytes(dtype);
  std::vector<const std::byte*> parts(static_cast<std::size_t>(size()));
  group_.enter(rank_, call);
  for (int rank = 0; rank < size(); ++rank) {
    parts[static_cast<std::size_t>(rank)] = group_.call_of(rank).in + rank_ * bytes;
  }
  reduce(parts, {call.out}, elements, dtype, Reduction::sum);
  group_.leave();
  count(bytes * size());
}

void ThreadCommunicator::all_gather_parts(const void* in, void* out, std::span<const std::int64_t> elements,
                                          DType dtype) {
  check_parts(elements);
  const CollectiveCall call = call_of_parts(Collective::all_gather, in, out, elements, rank_, dtype);
  if (alone(call)) return;
  group_.enter(rank_, call);
  std::byte* to = call.out;
  for (int rank = 0; rank < size(); ++rank) {
    const CollectiveCall& part = group_.call_of(rank);
    const std::int64_t bytes = part.elements * size_bytes(dtype);
    copy(to, part.in, bytes);
    to += bytes;
  }
  group_.leave();
  count(sum(elements) * size_bytes(dtype));
}

void ThreadCommunicator::reduce_scatter_parts(const void* in, void* out, std::span<const std::int64_t> elements,
                                              DType dtype) {
  check_summed(dtype);
  check_parts(elements);
  const CollectiveCall call = call_of_parts(Collective::reduce_scatter, in, out, elements, rank_, dtype);
  if (alone(call)) return;
  const std::int64_t before = sum_before(elements, rank_) * size_bytes(dtype);
  std::vector<const std::byte*> parts(static_cast<std::size_t>(size()));
  group_.enter(rank_, call);
  for (int rank = 0; rank < size(); ++rank) parts[static_cast<std::size_t>(rank)] = group_.call_of(rank).in + before;
  reduce(parts, {call.out}, call.elements, dtype, Reduction::sum);
  group_.leave();
  count(sum(elements) * size_bytes(dtype));
}

// A rank reduces its slice and writes it into every member's buffer: nobody else reads or writes that slice.
void ThreadCommunicator::all_reduce(void* data, std::int64_t elements, DType dtype, Reduction reduction) {
  check_summed(dtype);
  CollectiveCall call = call_of(Collective::all_reduce, data, data, elements, dtype);
  call.reduction = reduction;
  if (alone(call)) return;
  const std::int64_t share = (elements + size() - 1) / size();
  const std::int64_t slice = (share + kSliceElements - 1) / kSliceElements * kSliceElements;
  const std::int64_t begin = std::min(rank_ * slice, elements), end = std::min(begin + slice, elements);
  std::vector<std::byte*> out(static_cast<std::size_t>(size()));
  group_.enter(rank_, call);
  for (int rank = 0; rank < size(); ++rank) {
    out[static_cast<std::size_t>(rank)] = group_.call_of(rank).out + begin * size_bytes(dtype);
  }
  reduce({out.begin(), out.end()}, out, end - begin, dtype, reduction);
  group_.leave();
  count(elements * size_bytes(dtype));
}

void ThreadCommunicator::ring_shift(const void* in, void* out, std::int64_t elements, DType dtype) {
  const CollectiveCall call = call_of(Collective::ring_shift, in, out, elements, dtype);
  if (alone(call)) return;
  const std::int64_t bytes = elements * size_bytes(dtype);
  group_.enter(rank_, call);
  copy(call.out, group_.call_of((rank_ + size() - 1) % size()).in, bytes);
  group_.leave();
  count(bytes);
}

void ThreadCommunicator::all_to_all(const void* in, std::span<const std::int64_t> send, void* out,
                                    std::span<const std::int64_t> receive, DType dtype) {
  check_parts(send);
  check_parts(receive);
  CollectiveCall call = call_of(Collective::all_to_all, in, out, sum(send), dtype);
  call.send = send;
  call.receive = receive;
  check(size() > 1 || send[0] == receive[0], "all_to_all: a rank alone receives what it sends");
  if (alone(call)) return;
  group_.enter(rank_, call);
  std::byte* to = call.out;
  for (int rank = 0; rank < size(); ++rank) {
    const CollectiveCall& source = group_.call_of(rank);
    const std::int64_t bytes = receive[static_cast<std::size_t>(rank)] * size_bytes(dtype);
    copy(to, source.in + sum_before(source.send, rank_) * size_bytes(dtype), bytes);
    to += bytes;
  }
  group_.leave();
  count(call.elements * size_bytes(dtype));
}

}  // namespace perfbench
