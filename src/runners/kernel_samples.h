// Times of a slice's kernels, step by step, and what becomes of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cost/kernel_table.h"
#include "engine/session.h"
#include "program/plan.h"

namespace perfbench {

class KernelSamples {
 public:
  explicit KernelSamples(const Plan& plan) : plan_(plan) {}

  // One step of a session that timed its ops. Collectives and times that are no times are left out.
  void add(const std::vector<OpSeconds>& ops);

  // Medians by signature, each with its spread and the number of its samples, into `table`.
  void store(KernelTable& table) const;

  double seconds() const { return seconds_; }  // of all samples together
  double median_seconds() const;               // the same, each sample taken for its kernel's median

 private:
  struct Kernel {
    KernelWork work{};
    std::vector<double> seconds{};
  };

  const Plan& plan_;
  double seconds_ = 0.0;
  std::map<std::string, Kernel> kernels_;  // by signature
};

}  // namespace perfbench
