// A file that is written in parts and seen whole: what write_file() of base does, for texts too long to hold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace perfbench {

// Writes to a temporary file beside `path`; commit() fsyncs it and renames it over `path`. Without commit() the old
// file stays and the temporary one is removed. One writer of a path at a time. Throws RunError with path, bytes and
// reason.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void add(std::string_view bytes);
  void commit();

 private:
  void flush();
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_, temporary_;
  int file_ = -1;
  std::string buffer_;
  std::int64_t bytes_ = 0;  // added so far
};

}  // namespace perfbench
