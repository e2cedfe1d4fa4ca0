#include "cli/diff_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/redact.h"
#include "cli/output.h"
#include "harness/diff_report.h"

namespace perfbench {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool append(const std::string& path, const std::string& whole) {
  const std::string text = redacted(whole);
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return (std::fclose(file) == 0) && written;
}

void append_summary(const std::string& path, std::span<const Diff> diffs, bool strict) {
  std::error_code missing;
  const std::uintmax_t size = std::filesystem::file_size(path, missing);
  const std::size_t used = missing ? 0 : static_cast<std::size_t>(size);
  const std::string text = diff_summary(diffs, strict, kMaxSummaryBytes - std::min(used, kMaxSummaryBytes));
  errno = 0;
  if (text.empty())
    warn({fmt::format("{}: the step summary is full, nothing was added", path)});
  else if (!append(path, text))
    warn({fmt::format("{}: the step summary was not written: {}", path, std::strerror(errno))});
}

}  // namespace

Thresholds asked_thresholds(const Options& options) {
  return options.threshold ? parse_thresholds(*options.threshold, "--threshold") : Thresholds{};
}

std::string diffs_text(std::span<const Diff> diffs, const Options& options) {
  if (options.json) {
    Json::Array array;
    for (const Diff& diff : diffs) array.push_back(diff_json(diff));
    return dump_json(array.size() == 1 ? array.front() : Json(array)) + "\n";
  }
  std::string text;
  for (const Diff& diff : diffs) text += (text.empty() ? "" : "\n") + diff_terminal(diff);
  return text;
}

ExitCode report_diffs(std::span<const Diff> diffs, const Options& options) {
  if (options.junit) write_file(*options.junit, diff_junit(diffs, options.strict));
  if (const std::string path = variable("GITHUB_STEP_SUMMARY"); !path.empty())
    append_summary(path, diffs, options.strict);
  if (variable("GITHUB_ACTIONS") == "true") say(diff_annotations(diffs, options.strict));
  print(diffs_text(diffs, options));
  return exit_code(diffs, options.strict);
}

}  // namespace perfbench
