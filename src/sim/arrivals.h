// Transfers between stages that nobody has read yet.
#pragma once

#include <cstddef>
#include <vector>

#include "base/error.h"

namespace perfbench {

// When each of them arrives: a queue for every reader, read in the order of sending. A ring per reader: it never holds
// more than are in flight.
class Arrivals {
 public:
  Arrivals(std::size_t readers, std::size_t most) : most_(most), queues_(readers), times_s_(readers * most) {}

  bool empty(std::size_t reader) const { return queues_[reader].size == 0; }

  void push(std::size_t reader, double time_s) {
    check(queues_[reader].size < most_, "arrivals: more are in flight than the schedule allows");
    at(reader, queues_[reader].size++) = time_s;
  }

  double pop(std::size_t reader) {
    check(!empty(reader), "arrivals: nothing has been sent");
    const double time_s = at(reader, 0);
    Queue& queue = queues_[reader];
    queue.first = queue.first + 1 < most_ ? queue.first + 1 : 0;
    --queue.size;
    return time_s;
  }

  // Reader after reader, each in order.
  template <class Visit>
  void for_each_time(Visit&& visit) {
    for (std::size_t reader = 0; reader < queues_.size(); ++reader) {
      for (std::size_t i = 0; i < queues_[reader].size; ++i) visit(at(reader, i));
    }
  }

 private:
  struct Queue {
    std::size_t first = 0, size = 0;
  };
  double& at(std::size_t reader, std::size_t i) {
    const std::size_t place = queues_[reader].first + i;
    return times_s_[reader * most_ + (place < most_ ? place : place - most_)];
  }

  std::size_t most_;
  std::vector<Queue> queues_;
  std::vector<double> times_s_;
};

}  // namespace perfbench
