// A file line by line, of any length; one line is in memory at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace perfbench {

class LineReader {
 public:
  // Reads the open file from its start; its own position stays. `path` is for messages.
  LineReader(int file, std::filesystem::path path) : file_(file), path_(std::move(path)) {}

  // Goes to the next line; false: there is none. Throws InputError for a line over kMaxFileBytes, with its number, and
  // RunError when the file can't be read.
  bool next();

  const std::string& line() const { return line_; }  // without its line feed
  bool whole() const { return whole_; }              // a line feed ended it

 private:
  bool refill();

  int file_;
  std::filesystem::path path_;
  std::string block_, line_;
  std::size_t at_ = 0;       // in the block
  std::int64_t offset_ = 0;  // of the next block
  std::int64_t number_ = 0;
  bool whole_ = false;
};

}  // namespace perfbench
