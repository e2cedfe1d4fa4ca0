// Files that are written in parts and seen whole.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/temporary_file.h"

namespace perfbench {

// Where the bytes for a path go: through links, into a new file that takes the place of what is there, or into a device
// or a pipe (/dev/stdout) as it is.
struct WriteTarget {
  std::filesystem::path path{};  // no link
  std::optional<mode_t> mode{};  // of the file that is there
  bool is_replaced = true;
  int error = 0;  // errno where nothing can go there: a folder, a loop of links
};
WriteTarget write_target(const std::filesystem::path& path);

// Writes to a temporary file beside the target; commit() fsyncs it and renames it over that. Without commit() the old
// file stays. Throws RunError with path, bytes and reason.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path path) : path_(std::move(path)) {}
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void add(std::string_view text);  // whole lines or values: secrets are taken out of each text by itself (redact.h)
  void add_bytes(std::string_view bytes);  // of what is no text, as they are
  void finish();                           // every byte is on the disk, under the temporary name
  void commit();

 private:
  void open();
  int number() const { return temporary_ ? temporary_->number() : device_.number(); }
  void write(std::string_view bytes);
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_, target_;
  std::optional<TemporaryFile> temporary_;
  Descriptor device_;
  std::string buffer_;
  std::int64_t bytes_ = 0;  // added so far
  bool finished_ = false;
};

// Files of one folder that belong together: none is replaced before every byte of all of them is on the disk.
class FileSet {
 public:
  explicit FileSet(std::filesystem::path folder) : folder_(std::move(folder)) {}

  WholeFile& add(const std::string& name) { return files_.emplace_back(folder_ / name); }
  void commit();  // in the order in which they were added; throws RunError

 private:
  std::filesystem::path folder_;
  std::deque<WholeFile> files_;
};

}  // namespace perfbench
