#include "rows/result_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "job/catalog.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxModel = 80;  // bytes of a model's name, which may be a long path
constexpr int kMaxAttempts = 100;

// A new folder for a run of the day in `date` ("2026-01-31T12:00:00Z").
fs::path new_folder(const fs::path& in, std::string_view date, std::string_view model) {
  const std::string start =
      fmt::format("{}-{}", date.substr(0, date.find('T')), canonical_name(model).substr(0, kMaxModel));
  for (int n = 1;; ++n) {
    const fs::path folder = in / fmt::format("{}-{}", start, n);
    std::error_code error;
    if (fs::create_directory(folder, error)) return folder;  // of two processes one has made it
    if (error) throw RunError(folder.string(), "cannot make the directory: " + error.message());
  }
}

// A new link is renamed over the old one, so that it always names a whole result. Where several processes do so at
// once, one may have renamed what another made: that one makes it again.
// Returns why it could not; "" where it could.
std::string link_latest(const fs::path& folder) {
  const fs::path link = folder.parent_path() / "latest", next = folder.parent_path() / ".latest.tmp";
  std::error_code error, none;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    fs::remove(next, none);
    fs::create_symlink(folder.filename(), next, error);
    if (!error) fs::rename(next, link, error);
    if (!error) return "";
  }
  fs::remove(next, none);
  return fmt::format("{}: does not name {}: {}", link.string(), folder.string(), error.message());
}

std::string sentence(std::vector<std::string> names, const fs::path& folder) {
  const std::string last = names.back();
  names.pop_back();
  return fmt::format("results: {} and {} in {}\n", join(names, ", "), last, folder.string());
}

}  // namespace

std::optional<fs::path> nemorun_home() {
  const char* home = std::getenv("NEMORUN_HOME");
  return home == nullptr || *home == '\0' ? std::nullopt : std::optional<fs::path>(home);
}

std::optional<ResultFolder> result_folder(const std::optional<std::string>& out) {
  if (out) {
    require_result_folder(*out);
    return ResultFolder{.path = *out};
  }
  const std::optional<fs::path> home = nemorun_home();
  if (!home) return std::nullopt;
  ResultFolder folder{.path = *home / "perfbench", .of_runs = true};
  require_writable_directory(folder.path);
  return folder;
}

WrittenResult write_result(const ResultFolder& folder, const Row& row, const RunRecord& record,
                           const NamedTexts& further) {
  if (!folder.of_runs) return {.where = sentence(write_results(folder.path, {&row, 1}, record, further), folder.path)};
  const fs::path own = new_folder(folder.path, record.date, row.model);
  try {
    const std::vector<std::string> names = write_results(own, {&row, 1}, record, further);
    WrittenResult written{.where = sentence(names, own)};
    if (std::string warning = link_latest(own); !warning.empty()) written.warnings.push_back(std::move(warning));
    return written;
  } catch (const RunError&) {
    std::error_code not_empty;
    fs::remove(own, not_empty);
    throw;
  }
}

}  // namespace perfbench
