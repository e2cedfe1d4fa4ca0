// Files, whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

// What is read as a whole is at most this long: a mistaken path must not fill the memory.
inline constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20U;

// The whole file as bytes. Throws InputError when it is missing, a directory, unreadable, or over kMaxFileBytes.
std::string read_file(const std::filesystem::path& path);

// A text without its secrets (base/redact.h). Writes a temporary file beside `path`, fsyncs it and renames it over
// `path`: a reader sees the old file or the new one, never a part. A link stays a link; a device or pipe (/dev/stdout)
// is written to. Throws RunError (path, bytes, reason) and leaves the old file as it was.
void write_file(const std::filesystem::path& path, std::string_view text);
// The same of bytes that are no text, as they are.
void write_bytes(const std::filesystem::path& path, std::string_view bytes);

// Makes `directory` when it is missing, proves that a file can be made in it, and takes away what processes that were
// killed left there. Throws InputError, of a full disk RunError; to be called before the work, so that a result is not
// lost after it.
void require_writable_directory(const std::filesystem::path& directory);
// The same for the folder of a file that will be written, and that no folder and no loop of links stands in its place.
void require_writable_file(const std::filesystem::path& path);
// The latter alone: nothing is made.
void require_no_folder(const std::filesystem::path& path);

// Whether the name is there, be it that of a link that leads nowhere: reading it says what is wrong then.
bool is_there(const std::filesystem::path& path);

// The files of a folder with that extension (".csv"), sorted; none where there is no such folder. Throws InputError
// when it can't be read.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, std::string_view extension);

// The folder that holds the file: "." for a plain name.
std::filesystem::path directory_of(const std::filesystem::path& path);

// Whether errno says that there is no room for more bytes.
bool is_full(int error);

// Where the running executable lies.
std::filesystem::path executable_path();

}  // namespace perfbench
