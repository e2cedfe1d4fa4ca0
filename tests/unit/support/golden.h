// Golden files: tests/golden/<name>.txt holds the text that a test expects.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace perfbench {

// The first line that differs, with its number; "" when the texts are equal.
inline std::string first_difference(const std::string& expected, const std::string& actual) {
  std::istringstream left(expected), right(actual);
  for (int number = 1;; ++number) {
    std::string a, b;
    const bool has_a = static_cast<bool>(std::getline(left, a)), has_b = static_cast<bool>(std::getline(right, b));
    if (!has_a && !has_b) return expected == actual ? "" : "the end of the last line";
    if (a == b && has_a == has_b) continue;
    return "line " + std::to_string(number) + "\n  golden: " + (has_a ? a : "(end)") +
           "\n  now:    " + (has_b ? b : "(end)");
  }
}

// Compares `text` with tests/golden/<name>.txt. PERFBENCH_UPDATE_GOLDEN=1 writes the file instead.
inline void expect_golden(const std::string& name, const std::string& text) {
  const auto path = std::filesystem::path(PERFBENCH_SOURCE_DIR) / "tests" / "golden" / (name + ".txt");
  const char* update = std::getenv("PERFBENCH_UPDATE_GOLDEN");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " does not exist; PERFBENCH_UPDATE_GOLDEN=1 writes it";
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(first_difference(golden.str(), text), "")
      << "in " << path.filename() << "; where the change is meant, PERFBENCH_UPDATE_GOLDEN=1 rewrites the file";
}

}  // namespace perfbench
