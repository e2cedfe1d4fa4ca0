#include "rows/job_or_row.h"

#include <fmt/format.h>

#include <string>

#include "base/text.h"
#include "job/resolve.h"

namespace perfbench {
namespace {

Row impossible_row(const Request& request, const std::vector<Problem>& problems) {
  std::vector<std::string> rules;
  for (const Problem& problem : problems) rules.push_back(fmt::format("{}: {}", problem.where, problem.what));
  Row row = unsupported_row(request, Unsupported("rule", join(rules, "; ")));
  row.status = Status::failed;
  return row;
}

}  // namespace

JobOrRow job_or_row(const Request& request, const Catalog& catalog) {
  try {
    return {.job = make_job(request, catalog)};
  } catch (const Unsupported& problem) {
    return {.row = unsupported_row(request, problem)};
  } catch (const InputError& error) {
    return {.row = impossible_row(request, error.problems()), .problems = error.problems()};
  }
}

}  // namespace perfbench
