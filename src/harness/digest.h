// What bytes are known by: XXH3-128 as 32 hex digits, the same in every process and on every machine.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace perfbench {

std::string digest(std::string_view bytes);

// Of a file's bytes, read in blocks. Throws InputError when it can't be read.
std::string file_digest(const std::filesystem::path& path);

// Of the names and contents of all files in a folder and its folders, wherever it lies. Throws InputError when one
// can't be read.
std::string folder_digest(const std::filesystem::path& folder);

}  // namespace perfbench
