#include "base/host_memory.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/text.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// Files of /proc say that they are empty, so read_file() can't read them. "" when there is none.
std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::int64_t> number_in(const fs::path& path) { return parse_int(trim(text_of(path))); }

// The value of a line "key value" of memory.stat; 0 without one.
std::int64_t stat_value(const fs::path& path, std::string_view key) {
  for (const std::string& line : split(text_of(path), '\n'))
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
      return parse_int(trim(std::string_view(line).substr(key.size()))).value_or(0);
  return 0;
}

// The files of one version of control groups.
struct Files {
  const char *limit, *usage, *inactive;
};
constexpr Files kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Files kVersion2{"memory.max", "memory.current", "inactive_file"};

// What is left in one group; unset where it has no limit ("max" is no number).
std::optional<std::int64_t> left_in(const fs::path& group, const Files& files) {
  const auto limit = number_in(group / files.limit), usage = number_in(group / files.usage);
  if (!limit || !usage) return std::nullopt;
  const std::int64_t needed = *usage - stat_value(group / "memory.stat", files.inactive);
  return std::max<std::int64_t>(*limit - std::max<std::int64_t>(needed, 0), 0);
}

void keep_least(std::optional<std::int64_t>& least, const std::optional<std::int64_t>& bytes) {
  if (bytes && (!least || *bytes < *least)) least = bytes;
}

// Of the group and all groups above it, up to the mount point. In a container the path may be that of the host and not
// exist here; the mount point itself is the container's group then.
void keep_least_of_groups(std::optional<std::int64_t>& least, const fs::path& mount, const std::string& group,
                          const Files& files) {
  for (fs::path path = fs::path(group).relative_path();; path = path.parent_path()) {
    keep_least(least, left_in(mount / path, files));
    if (path.empty()) return;
  }
}

}  // namespace

std::optional<std::int64_t> meminfo_bytes(std::string_view meminfo, std::string_view key) {
  for (const std::string& line : split(meminfo, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || std::string_view(line).substr(0, colon) != key) continue;
    std::string_view value = trim(std::string_view(line).substr(colon + 1));
    if (!value.ends_with(" kB")) return std::nullopt;
    value.remove_suffix(3);
    const auto kib = parse_int(trim(value));
    return kib ? std::optional(*kib * 1024) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::int64_t> available_memory_bytes(const fs::path& proc, const fs::path& cgroup) {
  std::optional<std::int64_t> least = meminfo_bytes(text_of(proc / "meminfo"), "MemAvailable");
  // Lines "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
  for (const std::string& line : split(text_of(proc / "self" / "cgroup"), '\n')) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string group = line.substr(second + 1);
    const std::vector<std::string> controllers = split(line.substr(first + 1, second - first - 1), ',');
    const bool memory = std::find(controllers.begin(), controllers.end(), "memory") != controllers.end();
    if (memory) keep_least_of_groups(least, cgroup / "memory", group, kVersion1);
    if (line.starts_with("0::")) keep_least_of_groups(least, cgroup, group, kVersion2);
  }
  return least;
}

}  // namespace perfbench
