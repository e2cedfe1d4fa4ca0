// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace perfbench {

// Bytes of a line such as "MemAvailable:   123 kB" of /proc/meminfo; unset when it is missing or no number.
std::optional<std::int64_t> meminfo_bytes(std::string_view meminfo, std::string_view key);

// The least of MemAvailable and of what is left in this process's control groups (versions 1 and 2; page cache that can
// be dropped counts as free). Unset where /proc says nothing. `proc` and `cgroup` are the mount points.
std::optional<std::int64_t> available_memory_bytes(const std::filesystem::path& proc = "/proc",
                                                   const std::filesystem::path& cgroup = "/sys/fs/cgroup");

}  // namespace perfbench
