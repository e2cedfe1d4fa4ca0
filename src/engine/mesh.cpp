#include "engine/mesh.h"

namespace perfbench {

Coordinates Mesh::at(int rank) const {
  return {.stage = rank / (layout_.tp * layout_.dp), .dp = rank / layout_.tp % layout_.dp, .tp = rank % layout_.tp};
}

int Mesh::rank(const Coordinates& at) const { return (at.stage * layout_.dp + at.dp) * layout_.tp + at.tp; }

std::vector<int> Mesh::group(int rank, Axis axis) const {
  Coordinates at = this->at(rank);
  std::vector<int> members;
  if (axis == Axis::tp) {
    for (at.tp = 0; at.tp < layout_.tp; ++at.tp) members.push_back(this->rank(at));
  } else if (axis == Axis::dp) {
    for (at.dp = 0; at.dp < layout_.dp; ++at.dp) members.push_back(this->rank(at));
  } else {
    members.push_back(rank);
  }
  return members;
}

std::vector<int> Mesh::ends(int rank) const {
  Coordinates at = this->at(rank);
  if (layout_.pp == 1 || (at.stage != 0 && at.stage != layout_.pp - 1)) return {};
  at.stage = 0;
  const int first = this->rank(at);
  at.stage = layout_.pp - 1;
  return {first, this->rank(at)};
}

}  // namespace perfbench
