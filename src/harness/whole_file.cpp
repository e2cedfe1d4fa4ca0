#include "harness/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18U;  // bytes

}  // namespace

WholeFile::WholeFile(std::filesystem::path path) : path_(std::move(path)) {
  temporary_ = path_;
  temporary_.replace_filename(fmt::format(".{}.tmp", path_.filename().string()));
  ::unlink(temporary_.c_str());  // left by a process that was killed
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) fail(errno);
}

WholeFile::~WholeFile() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void WholeFile::fail(int error) const {
  throw RunError(path_.string(),
                 fmt::format("could not write {} bytes: {}", bytes_, std::generic_category().message(error)),
                 "make room or choose another folder, and run the same command again: finished rows are kept");
}

void WholeFile::add(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  buffer_ += bytes;
  if (buffer_.size() >= kBlock) flush();
}

void WholeFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(written < 0 ? errno : EIO);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void WholeFile::commit() {
  flush();
  if (::fsync(file_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(errno);
  if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR) fail(errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

}  // namespace perfbench
