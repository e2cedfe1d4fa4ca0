#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{256} << 20U;  // bytes; a mistaken path must not fill the memory

std::string errno_text(int error) { return std::generic_category().message(error); }

// An open file, closed at the end of its life.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  // 0 or errno: some file systems report a failed write here only.
  int close() {
    if (number_ < 0) return 0;
    return ::close(std::exchange(number_, -1)) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int number_;
};

int open_retrying(const fs::path& path, int flags) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (number >= 0 || errno != EINTR) return number;
  }
}

// 0 or errno.
int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// 0 or errno. Pipes, terminals and some network file systems have nothing to sync and say so.
int sync(int file) {
  if (::fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS) return 0;
  return errno;
}

int sync_directory(const fs::path& directory) {
  const Descriptor file(open_retrying(directory, O_RDONLY | O_DIRECTORY));
  return file.is_open() ? sync(file.number()) : 0;  // a folder may be writable and not readable
}

fs::path directory_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// A new name that no other process and no other thread of this one takes.
fs::path temporary_in(const fs::path& directory) {
  static std::atomic<unsigned> count{0};
  return directory / (".perfbench-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".tmp");
}

// Writes, syncs and closes; 0 or errno.
int fill(Descriptor& file, std::string_view bytes) {
  int error = write_all(file.number(), bytes);
  if (error == 0) error = sync(file.number());
  const int close_error = file.close();
  return error != 0 ? error : close_error;
}

// 0 or errno; on failure the temporary file is gone and `path` untouched.
int replace(const fs::path& path, std::optional<mode_t> mode, std::string_view bytes) {
  const fs::path temporary = temporary_in(directory_of(path));
  ::unlink(temporary.c_str());  // left by a dead process that had this number
  Descriptor file(open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL));
  if (!file.is_open()) return errno;
  int error = mode && ::fchmod(file.number(), *mode) != 0 ? errno : 0;
  if (error == 0) error = fill(file, bytes);
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error != 0 ? error : sync_directory(directory_of(path));
}

// 0 or errno. Only a regular file can be replaced: a device or a pipe (/dev/stdout, /dev/null) is written to.
int write_whole(const fs::path& path, std::string_view bytes) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return replace(path, std::nullopt, bytes);
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) {
    Descriptor file(open_retrying(path, O_WRONLY));
    return file.is_open() ? fill(file, bytes) : errno;
  }
  std::error_code unresolved;
  const fs::path target = fs::canonical(path, unresolved);  // a link stays a link
  return replace(unresolved ? path : target, status.st_mode & 07777U, bytes);
}

}  // namespace

std::string read_file(const fs::path& path) {
  const std::string name = path.string();
  const Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.is_open()) throw InputError(name, "cannot read the file: " + errno_text(errno));
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw InputError(name, "cannot read the file: " + errno_text(errno));
  if (S_ISDIR(status.st_mode)) throw InputError(name, "this is a directory, not a file");
  std::string bytes;
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) <= kMaxFile) {
    bytes.reserve(static_cast<std::size_t>(status.st_size));
  }
  std::array<char, 1U << 16U> block{};
  for (;;) {
    const ssize_t size = ::read(file.number(), block.data(), block.size());
    if (size == 0) return bytes;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw InputError(name, "cannot read the file: " + errno_text(errno));
    bytes.append(block.data(), static_cast<std::size_t>(size));
    if (bytes.size() > kMaxFile || static_cast<std::size_t>(status.st_size) > kMaxFile) {
      throw InputError(name, "the file is larger than the limit of " + std::to_string(kMaxFile) + " bytes");
    }
  }
}

void write_file(const fs::path& path, std::string_view bytes) {
  const int error = write_whole(path, bytes);
  if (error == 0) return;
  throw RunError(path.string(), "could not write " + std::to_string(bytes.size()) + " bytes: " + errno_text(error),
                 error == ENOSPC || error == EDQUOT ? "make room, or choose another folder" : "");
}

void require_writable_directory(const fs::path& directory) {
  const fs::path place = directory.empty() ? fs::path(".") : directory;
  const std::string name = place.string();
  std::error_code error;
  fs::create_directories(place, error);
  if (error) throw InputError(name, "cannot make the directory: " + error.message(), "choose another folder");
  if (!fs::is_directory(place, error)) throw InputError(name, "this is not a directory", "choose another folder");
  const fs::path trial = temporary_in(place);
  Descriptor file(open_retrying(trial, O_WRONLY | O_CREAT | O_TRUNC));
  int problem = file.is_open() ? write_all(file.number(), "x") : errno;
  if (file.is_open()) ::unlink(trial.c_str());
  const int close_error = file.close();
  if (problem == 0) problem = close_error;
  if (problem == 0) return;
  throw InputError(name, "cannot write into the directory: " + errno_text(problem), "choose another folder");
}

fs::path executable_path() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    throw EnvironmentError("/proc/self/exe", "cannot tell where perfbench is: " + error.message(),
                           "mount /proc, or name the data folder with a flag");
  }
  return path;
}

}  // namespace perfbench
