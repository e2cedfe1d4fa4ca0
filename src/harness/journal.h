// journal.jsonl: the finished rows of a sweep, each written when it is done, so that a sweep that was stopped goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "rows/row.h"

namespace perfbench {

// The first line is {"journal":2,"perfbench":version}, each further one
// {"key":...,"repeat":n,"digest":...,"row":{...}}, without secrets; the digest is of the three others, so that a record
// is found out that was changed or is another one's. Format 1 had no digests; its journals are refused. A record is one
// write() to the end of the file; the disk has it within a second, and at once where rows take long. The file is locked
// as long as the object lives. Rows are not kept in memory: the index holds where each record stands.
class Journal {
 public:
  // Opens or starts the journal of an existing folder. A half-written last line is cut off, and a record that does not
  // fit its digest is left out, each with a warning. Throws InputError when another sweep has it open, for a broken
  // line or one that is too long with file:line, and for a file that is no journal; RunError when it can't be written.
  Journal(const std::filesystem::path& folder, const std::string& version);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool has(const std::string& key, std::int64_t repeat) const { return index_.contains(name_of(key, repeat)); }
  std::size_t size() const { return index_.size(); }
  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Throws RunError with path and bytes when the record can't be written, what was finished before stays as it is; and
  // as require_in_place().
  void append(const std::string& key, std::int64_t repeat, const Row& row);
  Row read(const std::string& key, std::int64_t repeat) const;  // has() must be true
  // Leaves a record out, so that its row can be appended anew. Returns the warning that names it. has() must be true.
  std::string reject(const std::string& key, std::int64_t repeat, const std::string& why);
  void sync();  // throws RunError
  // When the file or its folder was removed or replaced meanwhile, all records are written again where it stood, or
  // beside what stands there now, and RunError says so.
  void require_in_place() const;

 private:
  struct Place {
    std::int64_t offset = 0;  // bytes
    std::int64_t size = 0;    // with its line feed
    int line = 0;
  };
  static std::string name_of(const std::string& key, std::int64_t repeat);
  void open();
  void lock() const;
  void read_all();
  void cut_off(int line);
  std::string rejection(const Place& place, const std::string& why) const;
  void write_line(const std::string& line);
  [[noreturn]] void fail_to_write(std::size_t bytes, int error) const;
  std::string bytes_at(std::int64_t offset, std::int64_t size) const;

  std::filesystem::path path_;
  int file_ = -1;
  std::int64_t end_ = 0;  // bytes of whole lines
  int lines_ = 0;
  std::unordered_map<std::string, Place> index_;
  std::vector<std::string> warnings_;
  std::chrono::steady_clock::time_point last_append_, last_sync_;
  bool unsynced_ = false;
};

}  // namespace perfbench
