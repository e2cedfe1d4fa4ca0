// Files that are not yet what they will be.
#pragma once

#include <filesystem>

#include "base/descriptor.h"

namespace perfbench {

// A new, empty file in a folder under a name that nothing else has, gone at the end of its life. It is locked: whoever
// can lock it knows that its process is dead.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& directory);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int error() const { return error_; }  // 0, or errno of making it
  int number() const { return file_.number(); }
  int finish() const;                                // every byte is on the disk; 0 or errno
  int rename_to(const std::filesystem::path& path);  // in the same folder, over what is there; 0 or errno

 private:
  std::filesystem::path path_;
  Descriptor file_;
  int error_ = 0;
};

// Takes away the temporary files in `directory` that dead processes left. Where a file system has no locks, they stay.
void remove_left_over(const std::filesystem::path& directory);

}  // namespace perfbench
