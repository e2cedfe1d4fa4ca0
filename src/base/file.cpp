#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/temporary_file.h"
#include "base/whole_file.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// A full disk is no mistake of the user's.
[[noreturn]] void refuse(const std::string& name, const std::string& what, int error) {
  const std::string text = what + ": " + errno_text(error);
  if (is_full(error)) throw RunError(name, text, "make room, or choose another folder");
  throw InputError(name, text, "choose another folder");
}

}  // namespace

std::string read_file(const fs::path& path) {
  const std::string name = path.string();
  const Descriptor file = open_descriptor(path, O_RDONLY);
  if (!file.is_open()) throw InputError(name, "cannot read the file: " + errno_text(errno));
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw InputError(name, "cannot read the file: " + errno_text(errno));
  if (S_ISDIR(status.st_mode)) throw InputError(name, "this is a directory, not a file");
  std::string bytes;
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) <= kMaxFileBytes) {
    bytes.reserve(static_cast<std::size_t>(status.st_size));
  }
  std::array<char, 1U << 16U> block{};
  for (;;) {
    const ssize_t size = ::read(file.number(), block.data(), block.size());
    if (size == 0) return bytes;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw InputError(name, "cannot read the file: " + errno_text(errno));
    bytes.append(block.data(), static_cast<std::size_t>(size));
    if (bytes.size() > kMaxFileBytes || static_cast<std::size_t>(status.st_size) > kMaxFileBytes) {
      throw InputError(name, "the file is larger than the limit of " + std::to_string(kMaxFileBytes) + " bytes");
    }
  }
}

void write_file(const fs::path& path, std::string_view text) {
  WholeFile file(path);
  file.add(text);
  file.commit();
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  WholeFile file(path);
  file.add_bytes(bytes);
  file.commit();
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == extension) files.push_back(at->path());
  if (error && is_there(folder)) throw InputError(folder.string(), "cannot read the folder: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

fs::path directory_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

bool is_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

void require_writable_directory(const fs::path& directory) {
  const fs::path place = directory.empty() ? fs::path(".") : directory;
  const std::string name = place.string();
  std::error_code error;
  fs::create_directories(place, error);
  if (error) refuse(name, "cannot make the directory", error.value());
  if (!fs::is_directory(place, error)) throw InputError(name, "this is not a directory", "choose another folder");
  remove_left_over(place);
  const TemporaryFile trial(place);
  int problem = trial.error();
  if (problem == 0) problem = write_all(trial.number(), "x");
  if (problem == 0) problem = trial.finish();
  if (problem != 0) refuse(name, "cannot write into the directory", problem);
}

void require_no_folder(const fs::path& path) {
  const int error = write_target(path).error;
  if (error == EISDIR) throw InputError(path.string(), "this is a directory, not a file", "name a file");
  if (error != 0) throw InputError(path.string(), "cannot write the file: " + errno_text(error), "choose another file");
}

void require_writable_file(const fs::path& path) {
  require_no_folder(path);
  const WriteTarget target = write_target(path);
  if (target.is_replaced) require_writable_directory(directory_of(target.path));
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
