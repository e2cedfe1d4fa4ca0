#include "program/verify_data.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "program/infer.h"

namespace perfbench {

void verify_data(const Program& program) {
  std::set<Datum> data;
  std::map<ValueId, int> given;
  for (const auto& [datum, id] : program.data) {
    const DatumForm form = form_of(datum);
    if (id < 0 || static_cast<std::size_t>(id) >= program.values.size()) {
      throw ProgramError(fmt::format("data: {} is no value of the Program", form.name));
    }
    if (!data.insert(datum).second) throw ProgramError(fmt::format("data: {} is given twice", form.name));
    if (program[id].role != Role::data || program.type(id).dtype != form.dtype) {
      throw ProgramError(fmt::format("data: {} is given as {}", form.name, label(program, id)));
    }
    ++given[id];
  }
  for (ValueId id = 0; static_cast<std::size_t>(id) < program.values.size(); ++id) {
    if (program[id].role != Role::data) continue;
    const auto it = given.find(id);
    const int count = it == given.end() ? 0 : it->second;
    if (count == 1) continue;
    throw ProgramError(fmt::format("data: {} is given {} times, should be once", label(program, id), count));
  }
}

}  // namespace perfbench
