#include "sim/host_issue.h"

#include <algorithm>
#include <cstddef>
#include <variant>

namespace perfbench {
namespace {

template <class... Ops>
bool is_any(const Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

bool is_grouped_product(const Op& op) {
  return is_any<GroupedMatmul, GroupedWeightGrad, GroupedWeightGradAccumulate>(op);
}

bool handles_experts(const Op& op) {
  return is_grouped_product(op) ||
         is_any<Route, RouteBackward, PlaceRows, ShareCounts, Permute, Unpermute, AllToAll, Regroup>(op);
}

struct Span {
  std::size_t first = 1, last = 0;  // of nodes; empty
  bool holds(std::size_t i) const { return i >= first && i <= last; }
};

// Around the ops that handle experts, by layer.
std::vector<Span> expert_spans(const std::vector<Node>& nodes, int num_layers) {
  std::vector<Span> spans(static_cast<std::size_t>(num_layers));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].layer < 0 || !handles_experts(nodes[i].op)) continue;
    Span& span = spans[static_cast<std::size_t>(nodes[i].layer)];
    if (span.first > span.last) span.first = i;
    span.last = i;
  }
  return spans;
}

bool is_launched(const Node& node) {
  const Lane lane = lane_of(node.op);
  return node.layer >= 0 && node.when == When::always && lane != Lane::dp && lane != Lane::replicas;
}

// Of one layer, forward and backward.
struct Counts {
  std::int64_t attention = 0, experts = 0, products = 0, local_experts = 0;
};

class Spreader {
 public:
  Spreader(const Program& program, const HostTimes& host)
      : program_(program),
        host_(host),
        forward_(expert_spans(program.forward, program.num_layers)),
        backward_(expert_spans(program.backward, program.num_layers)),
        counts_(static_cast<std::size_t>(program.num_layers)) {
    count(program.forward, forward_);
    count(program.backward, backward_);
  }

  IssueTimes run() const {
    return {.forward = spread(program_.forward, forward_), .backward = spread(program_.backward, backward_)};
  }

 private:
  void count(const std::vector<Node>& nodes, const std::vector<Span>& spans) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!is_launched(nodes[i])) continue;
      const auto layer = static_cast<std::size_t>(nodes[i].layer);
      Counts& counts = counts_[layer];
      ++(spans[layer].holds(i) ? counts.experts : counts.attention);
      counts.products += is_grouped_product(nodes[i].op) ? 1 : 0;
      if (const auto* product = std::get_if<GroupedMatmul>(&nodes[i].op))
        counts.local_experts = program_.type(product->b.id).shape[0];
    }
  }

  std::vector<Issue> spread(const std::vector<Node>& nodes, const std::vector<Span>& spans) const {
    std::vector<Issue> issues(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!is_launched(nodes[i])) continue;
      const auto layer = static_cast<std::size_t>(nodes[i].layer);
      issues[i] = issue(nodes[i].op, spans[layer].holds(i), counts_[layer]);
    }
    return issues;
  }

  Issue issue(const Op& op, bool of_experts, const Counts& counts) const {
    if (!of_experts) {
      return {.seconds = host_.attention_s / static_cast<double>(counts.attention), .gap_share = host_.attention_gap};
    }
    Issue issue{.seconds = host_.moe_s / static_cast<double>(counts.experts)};
    if (is_grouped_product(op)) {
      issue.seconds +=
          host_.expert_s * static_cast<double>(counts.local_experts) / static_cast<double>(counts.products);
    }
    issue.waits = host_.waits_for_counts && std::holds_alternative<ShareCounts>(op);
    return issue;
  }

  const Program& program_;
  const HostTimes& host_;
  std::vector<Span> forward_, backward_;  // by layer
  std::vector<Counts> counts_;            // by layer
};

}  // namespace

IssueTimes issue_times(const Program& program, const HostTimes& host) {
  if (!host.any()) {
    return {.forward = std::vector<Issue>(program.forward.size()),
            .backward = std::vector<Issue>(program.backward.size())};
  }
  return Spreader(program, host).run();
}

}  // namespace perfbench
