#include "cli/checked_row.h"

#include <fmt/format.h>

#include "models/decoder.h"
#include "spec/resolve.h"

namespace perfbench {

CheckedRow check_row(const std::string& file, const ConfigTable& table, const ConfigRow& row, const Catalog& catalog) {
  CheckedRow checked;
  checked.file = file;
  checked.place = fmt::format("{}:{}", table.file, row.line);
  checked.line = row.line;
  checked.request = row.request;
  try {
    require_programs(make_job(row.request, catalog));
  } catch (const Unsupported& problem) {
    checked.verdict = RowVerdict::unsupported;
    checked.feature = problem.feature();
    checked.reason = problem.what();
  } catch (const InputError& error) {
    checked.verdict = RowVerdict::impossible;
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

std::string verdict_text(const CheckedRow& row) {
  if (row.verdict == RowVerdict::unsupported) return fmt::format("unsupported, feature={}", row.feature);
  if (row.verdict == RowVerdict::impossible && !row.problems.empty()) {
    const std::size_t more = row.problems.size() - 1;
    return fmt::format("impossible: {}{}", row.problems.front().what,
                       more > 0 ? fmt::format(" (and {} more)", more) : "");
  }
  return std::string(name(row.verdict));
}

}  // namespace perfbench
