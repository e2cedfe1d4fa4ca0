// Open files of the system. Errors are values here: 0 or errno.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace perfbench {

// An open file, closed at the end of its life.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void close();

 private:
  int number_;
};

// As open(), never interrupted, and no child inherits it. Not open: errno says why.
Descriptor open_descriptor(const std::filesystem::path& path, int flags);

int write_all(int file, std::string_view bytes);

// Brings what was written to the disk. Pipes, terminals and some network file systems have nothing to sync.
int sync(int file);

std::string errno_text(int error);

// Gives a descriptor 0, 1 or 2 that is closed to a file that can neither be read nor written: else the first files that
// are opened would get them, and what is printed would land there. To be called before anything is opened.
void hold_standard_descriptors();

}  // namespace perfbench
