#include "program/kernel_sites.h"

#include "program/signature.h"

namespace perfbench {

std::map<std::string, KernelSite> kernel_sites(const Plan& plan) {
  std::map<std::string, KernelSite> sites;
  for (const Program& program : plan.kinds) {
    for (const auto* nodes : {&program.forward, &program.backward, &program.optimizer}) {
      for (const Node& node : *nodes) {
        if (lane_of(node.op) == Lane::compute) sites.try_emplace(signature(node.op, program), &program, &node.op);
      }
    }
  }
  return sites;
}

}  // namespace perfbench
