#include "harness/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kHeaderStart = R"({"journal":)";
constexpr std::int64_t kFormat = 1;

std::string errno_text() { return std::generic_category().message(errno); }

std::string header_line(const std::string& version) {
  return dump_json(Json::Object{{"journal", kFormat}, {"perfbench", version}}, -1) + "\n";
}

// Nothing when `line` is the header of a journal that can be read, else the rule.
std::string header_problem(const std::string& line) {
  if (!line.starts_with(kHeaderStart)) return "this is no journal of a sweep";
  try {
    const Json json = parse_json(line, "");
    const Json* format = json.find("journal");
    if (format == nullptr || format->integer() != kFormat)
      return fmt::format("this is a journal of another format; format {} is known here", kFormat);
  } catch (const InputError&) {
    return "this is no journal of a sweep";
  }
  return "";
}

// Nothing when the line is no whole record.
std::optional<std::pair<std::string, std::int64_t>> record_name(const std::string& line) {
  try {
    const Json json = parse_json(line, "");
    const Json *key = json.find("key"), *repeat = json.find("repeat"), *row = json.find("row");
    if (!key || !key->is_string() || !repeat || !repeat->integer() || !row || !row->is_object()) return std::nullopt;
    return std::pair(std::get<std::string>(key->value), *repeat->integer());
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace

std::string Journal::name_of(const std::string& key, std::int64_t repeat) { return fmt::format("{}:{}", key, repeat); }

Journal::Journal(const fs::path& folder, const std::string& version) : path_(folder / "journal.jsonl") {
  last_append_ = last_sync_ = Clock::now();
  open();
  try {
    lock();
    read_all();
    if (end_ == 0) write_line(header_line(version));
    sync();
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);  // which gives the lock up
}

void Journal::open() {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw RunError(path_.string(), "cannot open the journal: " + errno_text(), "choose another --out");
}

void Journal::lock() const {
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    throw InputError(path_.string(), "another sweep is writing into this folder",
                     "wait for it, or choose another --out");
  throw RunError(path_.string(), "cannot lock the journal: " + errno_text(), "choose an --out on another file system");
}

void Journal::read_all() {
  std::ifstream stream(path_, std::ios::binary);
  std::string line;
  std::optional<Place> broken;  // no error while nothing follows it
  while (std::getline(stream, line)) {
    const Place place{.offset = end_, .size = static_cast<std::int64_t>(line.size()) + 1, .line = lines_ + 1};
    if (broken)
      throw InputError(fmt::format("{}:{}", path_.string(), broken->line), "this line is no record of a sweep",
                       "take the line out, or choose another --out; the rows of the other lines are not run again");
    const bool whole = !stream.eof();
    if (lines_ == 0) {
      const std::string problem = whole ? header_problem(line) : "";
      const bool begun = kHeaderStart.starts_with(line) || line.starts_with(kHeaderStart);
      if (!problem.empty() || (!whole && !begun))
        throw InputError(path_.string() + ":1", whole ? problem : "this is no journal of a sweep",
                         "choose another --out");
    }
    const auto name = whole && lines_ > 0 ? record_name(line) : std::nullopt;
    if (!whole || (lines_ > 0 && !name)) {
      broken = place;
      continue;
    }
    if (name) index_.try_emplace(name_of(name->first, name->second), place);
    end_ += place.size;
    ++lines_;
  }
  if (stream.bad()) throw RunError(path_.string(), "cannot read the journal");
  if (broken) cut_off(broken->line);
}

void Journal::cut_off(int line) {
  if (::ftruncate(file_, end_) != 0) throw RunError(path_.string(), "cannot cut the last line off: " + errno_text());
  warnings_.push_back(fmt::format("{}:{}: the last line is only half written and was dropped", path_.string(), line));
  unsynced_ = true;
}

void Journal::require_not_removed() {
  struct stat status {};
  if (::fstat(file_, &status) != 0 || status.st_nlink > 0) return;
  const std::string problem = "the file was removed while the sweep ran";
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  try {
    write_file(path_, bytes_at(0, end_));
  } catch (const Error& again) {
    throw RunError(path_.string(),
                   fmt::format("{}, and its {} finished rows could not be written again", problem, size()),
                   again.problems().front().what);
  }
  throw RunError(path_.string(), fmt::format("{}; its {} finished rows were written again", problem, size()),
                 "run the same command again to go on");
}

void Journal::write_line(const std::string& line) {
  std::string_view rest = line;
  while (!rest.empty()) {  // once, unless the disk is full
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_to_write(line.size(), written < 0 ? errno : EIO);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  end_ += static_cast<std::int64_t>(line.size());
  ++lines_;
  unsynced_ = true;
}

void Journal::fail_to_write(std::size_t bytes, int error) const {
  [[maybe_unused]] const int cut =
      ::ftruncate(file_, end_);  // what is left of the line is dropped anyway when the sweep goes on
  throw RunError(path_.string(),
                 fmt::format("could not write {} bytes: {}", bytes, std::generic_category().message(error)),
                 fmt::format("make room and run the same command again: {} finished rows are kept", size()));
}

void Journal::append(const std::string& key, std::int64_t repeat, const Row& row) {
  check(!has(key, repeat), "Journal::append: the row is already there");
  Place place{.offset = end_, .size = 0, .line = lines_ + 1};
  write_line(dump_json(Json::Object{{"key", key}, {"repeat", repeat}, {"row", to_json(row)}}, -1) + "\n");
  place.size = end_ - place.offset;
  index_.emplace(name_of(key, repeat), place);
  require_not_removed();
  const Clock::time_point now = Clock::now();
  if (now - last_append_ > std::chrono::milliseconds(100) || now - last_sync_ > std::chrono::seconds(1)) sync();
  last_append_ = now;
}

std::string Journal::bytes_at(std::int64_t offset, std::int64_t size) const {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(file_, bytes.data() + done, bytes.size() - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw RunError(path_.string(), "cannot read the journal: " + (got < 0 ? errno_text() : "it is cut short"));
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Row Journal::read(const std::string& key, std::int64_t repeat) const {
  const auto found = index_.find(name_of(key, repeat));
  check(found != index_.end(), "Journal::read: there is no such record");
  const std::string where = fmt::format("{}:{}", path_.string(), found->second.line);
  const Json record = parse_json(bytes_at(found->second.offset, found->second.size), where);
  const Json* row = record.find("row");
  if (row == nullptr)
    throw RunError(where, "the line has changed since it was read", "let no other process write there");
  return row_from_json(*row, where);
}

void Journal::sync() {
  if (!unsynced_) return;
  if (::fsync(file_) != 0 && errno != EINVAL && errno != ENOTSUP)
    throw RunError(path_.string(), "cannot bring the journal to the disk: " + errno_text(),
                   "make room, or choose another --out");
  last_sync_ = Clock::now();
  unsynced_ = false;
}

}  // namespace perfbench
