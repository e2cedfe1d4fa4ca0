#include "runners/checked_row.h"

#include <fmt/format.h>

#include <utility>

#include "base/first_problem.h"
#include "rows/job_or_row.h"

namespace perfbench {

CheckedRow check_row(const std::string& file, const ConfigTable& table, const ConfigRow& row, const Catalog& catalog,
                     RowPlanner& plan) {
  CheckedRow checked{
      .file = file, .place = fmt::format("{}:{}", table.file, row.line), .line = row.line, .request = row.request};
  try {
    JobOrRow asked = job_or_row(row.request, catalog);
    const Row planned = planned_row(asked, plan);
    checked.status = planned.status;
    checked.feature = planned.feature;
    checked.reason = planned.reason;
    checked.problems = std::move(asked.problems);
  } catch (const InputError& error) {  // of the system's kernel constants
    checked.status = Status::failed;
    checked.problems = error.problems();
  }
  return checked;
}

std::string layout_text(const Request& request) {
  std::string text;
  const auto add = [&text](std::string_view axis, const std::optional<std::int64_t>& size) {
    if (size.value_or(1) > 1) text += fmt::format("{}{}{}", text.empty() ? "" : " ", axis, *size);
  };
  add("tp", request.tp);
  add("pp", request.pp);
  add("cp", request.cp);
  add("vp", request.vp);
  add("ep", request.ep);
  add("etp", request.etp);
  if (request.fsdp.value_or(false)) text += text.empty() ? "fsdp" : " fsdp";
  return text.empty() ? "-" : text;
}

std::string precision_text(const Request& request) {
  const std::optional<Precision> precision = asked_precision(request);
  return precision ? std::string(name(*precision)) : request.dtype.value_or("-");
}

std::string_view verdict(Status status) { return status == Status::failed ? "impossible" : name(status); }

std::string verdict_text(const CheckedRow& row) {
  if (row.status == Status::ok) return std::string(verdict(row.status));
  if (row.problems.empty()) return fmt::format("{}, feature={}", verdict(row.status), row.feature);
  return fmt::format("{}: {}", verdict(row.status), first_and_more(row.problems.front().what, row.problems.size()));
}

}  // namespace perfbench
