#include "base/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/redact.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 18U;  // bytes
constexpr int kMaxLinks = 40;                          // as the system has it

// The file that a link names, also where that does not exist yet.
fs::path followed(fs::path path) {
  std::error_code error;
  for (int links = 0; links < kMaxLinks && fs::is_symlink(path, error); ++links)
    path = path.parent_path() / fs::read_symlink(path, error);
  return path;
}

int sync_directory(const fs::path& directory) {
  const Descriptor file = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  return file.is_open() ? sync(file.number()) : 0;  // a folder may be writable and not readable
}

}  // namespace

WriteTarget write_target(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return {.path = path, .error = errno};
    WriteTarget target{.path = followed(path)};
    if (!target.path.has_filename()) target.error = path.empty() ? ENOENT : EISDIR;
    return target;
  }
  if (S_ISDIR(status.st_mode)) return {.path = path, .error = EISDIR};
  if (!S_ISREG(status.st_mode)) return {.path = path, .is_replaced = false};
  return {.path = followed(path), .mode = status.st_mode & 07777U};
}

void WholeFile::open() {
  const WriteTarget target = write_target(path_);
  if (target.error != 0) fail(target.error);
  target_ = target.path;
  if (!target.is_replaced) {
    device_ = open_descriptor(target_, O_WRONLY);
    if (!device_.is_open()) fail(errno);
    return;
  }
  temporary_.emplace(directory_of(target_));
  if (temporary_->error() != 0) fail(temporary_->error());
  if (target.mode && ::fchmod(number(), *target.mode) != 0) fail(errno);
}

void WholeFile::fail(int error) const {
  throw RunError(path_.string(), "could not write " + std::to_string(bytes_) + " bytes: " + errno_text(error),
                 is_full(error) ? "make room, or choose another folder, and run the same command again" : "");
}

void WholeFile::add(std::string_view text) { add_bytes(redacted(text)); }

void WholeFile::add_bytes(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (buffer_.size() + bytes.size() < kBlock) {
    buffer_ += bytes;
    return;
  }
  write(buffer_);
  buffer_.clear();
  write(bytes);
}

void WholeFile::write(std::string_view bytes) {
  if (number() < 0) open();
  if (const int error = write_all(number(), bytes); error != 0) fail(error);
}

void WholeFile::finish() {
  if (finished_) return;
  write(buffer_);
  buffer_.clear();
  if (const int error = temporary_ ? temporary_->finish() : sync(number()); error != 0) fail(error);
  finished_ = true;
}

void WholeFile::commit() {
  finish();
  if (!temporary_) return device_.close();
  int error = temporary_->rename_to(target_);
  if (error == 0) error = sync_directory(directory_of(target_));
  if (error != 0) fail(error);
  temporary_.reset();
}

void FileSet::commit() {
  for (WholeFile& file : files_) file.finish();
  for (WholeFile& file : files_) file.commit();
}

}  // namespace perfbench
