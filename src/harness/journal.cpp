#include "harness/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/line_reader.h"
#include "base/redact.h"
#include "harness/digest.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kHeaderStart = R"({"journal":)";
constexpr std::int64_t kFormat = 2;
constexpr std::string_view kRowStart = R"("row":)";

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
      return fmt::format("this is a journal of another format than {}, which is known here", kFormat);
  } catch (const InputError&) {
    return "this is no journal of a sweep";
  }
  return "";
}

std::string record_digest(const std::string& key, std::int64_t repeat, std::string_view row) {
  return digest(fmt::format("{} {} {}", key, repeat, row));
}

std::string record_line(const std::string& key, std::int64_t repeat, const Row& row) {
  const std::string text = redacted(dump_json(to_json(row), -1));
  return fmt::format(R"({{"key":{},"repeat":{},"digest":"{}",{}{}}})", dump_json(key, -1), repeat,
                     record_digest(key, repeat, text), kRowStart, text);
}

struct Record {
  std::string key;
  std::int64_t repeat = 0;
  bool fits = false;  // its digest
};

// Nothing when the line is no whole record. The digest is of the row's text, not of what it says.
std::optional<Record> record_of(const std::string& line) {
  try {
    const Json json = parse_json(line, "");
    const Json *key = json.find("key"), *repeat = json.find("repeat"), *row = json.find("row");
    if (!key || !key->is_string() || !repeat || !repeat->integer() || !row || !row->is_object()) return std::nullopt;
    Record record{.key = std::get<std::string>(key->value), .repeat = *repeat->integer()};
    const Json* of = json.find("digest");
    const std::size_t start = line.find(kRowStart);
    if (!of || !of->is_string() || start == std::string::npos) return record;
    std::string_view text = std::string_view(line).substr(start + kRowStart.size());
    text.remove_suffix(1);  // the record's own brace
    record.fits = std::get<std::string>(of->value) == record_digest(record.key, record.repeat, text);
    return record;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

// A name beside `path` that nothing has.
fs::path unused_name(const fs::path& path) {
  std::error_code error;
  for (int i = 1;; ++i) {
    const fs::path name = fmt::format("{}.kept-{}", path.string(), i);
    if (!fs::exists(fs::symlink_status(name, error))) return name;
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
  if (file_ < 0)
    throw RunError(path_.string(), "cannot open the journal: " + errno_text(errno), "choose another --out");
}

void Journal::lock() const {
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    throw InputError(path_.string(), "another sweep is writing into this folder",
                     "wait for it, or choose another --out");
  throw RunError(path_.string(), "cannot lock the journal: " + errno_text(errno),
                 "choose an --out on another file system");
}

void Journal::read_all() {
  LineReader lines(file_, path_);
  std::optional<Place> broken;  // no error while nothing follows it
  while (lines.next()) {
    const std::string& line = lines.line();
    const Place place{.offset = end_, .size = static_cast<std::int64_t>(line.size()) + 1, .line = lines_ + 1};
    if (broken)
      throw InputError(fmt::format("{}:{}", path_.string(), broken->line), "this line is no record of a sweep",
                       "take the line out, or choose another --out; the rows of the other lines are not run again");
    const bool whole = lines.whole();
    if (lines_ == 0) {
      const std::string problem = whole ? header_problem(line) : "";
      const bool begun = kHeaderStart.starts_with(line) || line.starts_with(kHeaderStart);
      if (!problem.empty() || (!whole && !begun))
        throw InputError(path_.string() + ":1", whole ? problem : "this is no journal of a sweep",
                         "choose another --out");
    }
    const auto record = whole && lines_ > 0 ? record_of(line) : std::nullopt;
    if (!whole || (lines_ > 0 && !record)) {
      broken = place;
      continue;
    }
    if (record && record->fits)
      index_.insert_or_assign(name_of(record->key, record->repeat), place);
    else if (record)
      warnings_.push_back(rejection(place, "it was changed since it was written"));
    end_ += place.size;
    ++lines_;
  }
  if (broken) cut_off(broken->line);
}

std::string Journal::rejection(const Place& place, const std::string& why) const {
  return fmt::format("{}:{}: this record does not count: {}; its row is run again", path_.string(), place.line, why);
}

std::string Journal::reject(const std::string& key, std::int64_t repeat, const std::string& why) {
  const auto found = index_.find(name_of(key, repeat));
  check(found != index_.end(), "Journal::reject: there is no such record");
  std::string warning = rejection(found->second, why);
  index_.erase(found);
  return warning;
}

void Journal::cut_off(int line) {
  if (::ftruncate(file_, end_) != 0)
    throw RunError(path_.string(), "cannot cut the last line off: " + errno_text(errno));
  warnings_.push_back(fmt::format("{}:{}: the last line is only half written and was dropped", path_.string(), line));
  unsynced_ = true;
}

void Journal::require_in_place() const {
  struct stat own {
  }, there{};
  const bool found = ::stat(path_.c_str(), &there) == 0;
  if (found && ::fstat(file_, &own) == 0 && own.st_dev == there.st_dev && own.st_ino == there.st_ino) return;
  const std::string problem =
      found ? "another file took its place while the sweep ran" : "the file was removed while the sweep ran";
  const fs::path kept = found ? unused_name(path_) : path_;
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  try {
    write_bytes(kept, bytes_at(0, end_));
  } catch (const Error& again) {
    throw RunError(path_.string(),
                   fmt::format("{}, and its {} finished rows could not be written again", problem, size()),
                   again.problems().front().what);
  }
  throw RunError(path_.string(), fmt::format("{}; its {} finished rows were written again", problem, size()),
                 found ? fmt::format("they are in {}: put it there, or choose another --out", kept.string())
                       : "run the same command again to go on");
}

void Journal::write_line(const std::string& line) {
  if (const int error = write_all(file_, line); error != 0) fail_to_write(line.size(), error);
  end_ += static_cast<std::int64_t>(line.size());
  ++lines_;
  unsynced_ = true;
}

void Journal::fail_to_write(std::size_t bytes, int error) const {
  [[maybe_unused]] const int cut =
      ::ftruncate(file_, end_);  // what is left of the line is dropped anyway when the sweep goes on
  throw RunError(path_.string(), fmt::format("could not write {} bytes: {}", bytes, errno_text(error)),
                 fmt::format("make room and run the same command again: {} finished rows are kept", size()));
}

void Journal::append(const std::string& key, std::int64_t repeat, const Row& row) {
  check(!has(key, repeat), "Journal::append: the row is already there");
  Place place{.offset = end_, .size = 0, .line = lines_ + 1};
  write_line(record_line(key, repeat, row) + "\n");
  place.size = end_ - place.offset;
  index_.emplace(name_of(key, repeat), place);
  require_in_place();
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
      throw RunError(path_.string(), "cannot read the journal: " + (got < 0 ? errno_text(errno) : "it is cut short"));
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
  if (const int error = perfbench::sync(file_); error != 0)
    throw RunError(path_.string(), "cannot bring the journal to the disk: " + errno_text(error),
                   "make room, or choose another --out");
  last_sync_ = Clock::now();
  unsynced_ = false;
}

}  // namespace perfbench
