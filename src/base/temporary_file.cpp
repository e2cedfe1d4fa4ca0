#include "base/temporary_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStart = ".perfbench-", kEnd = ".tmp";

fs::path new_name(const fs::path& directory) {
  static std::atomic<unsigned> count{0};
  return directory /
         (std::string(kStart) + std::to_string(::getpid()) + "-" + std::to_string(++count) + std::string(kEnd));
}

bool is_temporary(const std::string& name) { return name.starts_with(kStart) && name.ends_with(kEnd); }

// False: another process, taking away what dead ones left, was faster.
bool lock(int file) {
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;  // without locks nobody takes it away
  struct stat status {};
  return ::fstat(file, &status) != 0 || status.st_nlink > 0;
}

}  // namespace

TemporaryFile::TemporaryFile(const fs::path& directory) {
  while (!file_.is_open() && error_ == 0) {
    path_ = new_name(directory);
    Descriptor file = open_descriptor(path_, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open())
      error_ = errno == EEXIST ? 0 : errno;
    else if (lock(file.number()))
      file_ = std::move(file);
  }
  if (error_ != 0) path_.clear();
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

int TemporaryFile::finish() const {
  if (const int error = sync(number()); error != 0) return error;
  // Some file systems report a failed write when a descriptor is closed, and only then; the file itself stays locked.
  const int copy = ::fcntl(number(), F_DUPFD_CLOEXEC, 0);
  return copy >= 0 && ::close(copy) != 0 && errno != EINTR ? errno : 0;
}

int TemporaryFile::rename_to(const fs::path& path) {
  if (std::rename(path_.c_str(), path.c_str()) != 0) return errno;
  path_.clear();
  return 0;
}

void remove_left_over(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (!is_temporary(at->path().filename().string())) continue;
    const Descriptor file = open_descriptor(at->path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file.is_open() && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
  }
}

}  // namespace perfbench
