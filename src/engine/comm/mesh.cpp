#include "engine/comm/mesh.h"

namespace perfbench {

Coordinates Mesh::at(int rank) const {
  const int replica = rank / layout_.tp % (layout_.dp * layout_.cp);
  return {.stage = rank / (layout_.tp * layout_.cp * layout_.dp),
          .dp = replica / layout_.cp,
          .cp = replica % layout_.cp,
          .tp = rank % layout_.tp};
}

int Mesh::rank(const Coordinates& at) const {
  return ((at.stage * layout_.dp + at.dp) * layout_.cp + at.cp) * layout_.tp + at.tp;
}

std::vector<int> Mesh::group(int rank, Axis axis) const {
  const Coordinates own = at(rank);
  std::vector<int> members;
  const auto add = [&](const Coordinates& other) { members.push_back(this->rank(other)); };
  Coordinates other = own;
  switch (axis) {
    case Axis::tp:
      for (other.tp = 0; other.tp < layout_.tp; ++other.tp) add(other);
      break;
    case Axis::cp:
      for (other.cp = 0; other.cp < layout_.cp; ++other.cp) add(other);
      break;
    case Axis::dp:
      for (other.dp = 0; other.dp < layout_.dp; ++other.dp) {
        for (other.cp = 0; other.cp < layout_.cp; ++other.cp) add(other);
      }
      break;
    case Axis::ep:
      add(own);
      break;
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
