#include "engine/rank_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

namespace perfbench {
namespace {

template <class Small, class Number>
Small cut(Number number) {
  return static_cast<Small>(std::min<Number>(number, std::numeric_limits<Small>::max()));
}

std::string_view op_name(const std::vector<Node>& nodes, std::uint32_t node) {
  return node < nodes.size() ? name(nodes[node].op) : "an op";
}

std::string text(const RankNote& note, const Program& program) {
  const auto of_microbatch = [&] { return fmt::format("chunk {}, microbatch {}", note.chunk, note.microbatch); };
  switch (note.task) {
    case RankTask::idle:
      return "nothing";
    case RankTask::called:
      return "its task, which it has not begun";
    case RankTask::connect:
      return fmt::format("connecting, group {}", note.node);
    case RankTask::load:
      return fmt::format("loading weights, parameter {}", note.node);
    case RankTask::data:
      return "sending its data to the device";
    case RankTask::start:
      return "waiting for the other ranks to start";
    case RankTask::receive:
      return "receiving for " + of_microbatch();
    case RankTask::forward:
      return fmt::format("{}, forward of {}", op_name(program.forward, note.node), of_microbatch());
    case RankTask::backward:
      return fmt::format("{}, backward of {}", op_name(program.backward, note.node), of_microbatch());
    case RankTask::send:
      return "sending";
    case RankTask::optimizer:
      return fmt::format("{}, optimizer of chunk {}", op_name(program.optimizer, note.node), note.chunk);
    case RankTask::device:
      return "waiting for its device";
  }
  return "?";
}

}  // namespace

RankNote rank_note(RankTask task, int chunk, int microbatch, std::size_t node) {
  return {.task = task,
          .chunk = cut<std::uint8_t>(chunk),
          .microbatch = cut<std::uint16_t>(microbatch),
          .node = cut<std::uint32_t>(node)};
}

std::vector<RankNote> RankNotes::read() const {
  std::vector<RankNote> notes;
  notes.reserve(lines_.size());
  for (const Line& line : lines_) notes.push_back(line.note.load(std::memory_order_relaxed));
  return notes;
}

std::string describe(int rank, const RankNote& note, const Plan& plan) {
  const int stage = plan.mesh.at(rank).stage;
  const int chunk = std::min<int>(note.chunk, plan.pipeline.vp - 1);
  return fmt::format("rank {} (stage {}): {}", rank, stage, text(note, plan.of(chunk, stage)));
}

}  // namespace perfbench
