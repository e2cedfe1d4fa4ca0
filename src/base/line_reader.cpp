#include "base/line_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/file.h"

namespace perfbench {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 16U;  // bytes

}  // namespace

bool LineReader::refill() {
  block_.resize(kBlock);
  at_ = 0;
  ssize_t size = 0;
  do size = ::pread(file_, block_.data(), block_.size(), offset_);
  while (size < 0 && errno == EINTR);
  if (size < 0) throw RunError(path_.string(), "cannot read the file: " + errno_text(errno));
  block_.resize(static_cast<std::size_t>(size));
  offset_ += size;
  return size > 0;
}

bool LineReader::next() {
  line_.clear();
  whole_ = false;
  ++number_;
  while (at_ < block_.size() || refill()) {
    const std::size_t end = std::min(block_.find('\n', at_), block_.size());
    line_.append(block_, at_, end - at_);
    if (line_.size() > kMaxFileBytes)
      throw InputError(path_.string() + ":" + std::to_string(number_),
                       "the line is longer than the limit of " + std::to_string(kMaxFileBytes) + " bytes");
    whole_ = end < block_.size();
    at_ = end + 1;
    if (whole_) return true;
  }
  return !line_.empty();
}

}  // namespace perfbench
