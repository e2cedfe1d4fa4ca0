// What can go wrong, as values: one problem is a place, a rule and a hint; an exception carries all problems of one
// input.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace perfbench {

// The meaning of the process exit status; `perfbench --help` prints these.
enum class ExitCode { ok = 0, regression = 1, bad_input = 2, run_failed = 3, environment = 4, timeout = 124 };

// One thing the user can mend.
struct Problem {
  std::string where;  // "file:line: column", a flag, or empty
  std::string what;   // the rule that is broken, with the numbers in it
  std::string hint;   // the nearest valid values or what to change; may be empty
};

// Of more problems or warnings than this, the rest is counted.
inline constexpr std::size_t kMostProblems = 100;
// How many of them are shown: one line for "and 1 more" would save none.
constexpr std::size_t num_shown(std::size_t problems) {
  return problems <= kMostProblems + 1 ? problems : kMostProblems;
}

// "perfbench: error: <where>: <what>\n  hint: <hint>\n" for each problem, and how many there are beyond kMostProblems.
// Control characters are shown as escapes, secrets are taken out and a huge part is cut, so that what a file holds is
// safe to print.
std::string format_problems(const std::vector<Problem>& problems);

// Base of every exception that reaches the user; main() prints it and exits with `code()`.
class Error : public std::exception {
 public:
  Error(ExitCode code, std::vector<Problem> problems);
  const char* what() const noexcept override { return text_.c_str(); }
  ExitCode code() const { return code_; }
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  ExitCode code_;
  std::vector<Problem> problems_;
  std::string text_;
};

// The user's mistake: unknown names, broken files, impossible layouts. Exit status 2.
class InputError : public Error {
 public:
  explicit InputError(std::vector<Problem> problems) : Error(ExitCode::bad_input, std::move(problems)) {}
  InputError(std::string where, std::string what, std::string hint = "");
};

// The work was right but could not be finished: a full disk, say. Exit status 3.
class RunError : public Error {
 public:
  RunError(std::string where, std::string what, std::string hint = "");

 protected:
  using Error::Error;
};

// The same because something hangs. Exit status 124.
class TimeoutError : public RunError {
 public:
  TimeoutError(std::string where, std::string what, std::string hint = "");
};

// The machine lacks something. Exit status 4.
class EnvironmentError : public Error {
 public:
  EnvironmentError(std::string where, std::string what, std::string hint = "");
};

// A request that is valid but that no part of perfbench can carry out yet; it becomes a row with status=unsupported.
class Unsupported : public std::exception {
 public:
  Unsupported(std::string feature, std::string reason) : feature_(std::move(feature)), reason_(std::move(reason)) {}
  const char* what() const noexcept override { return reason_.c_str(); }
  const std::string& feature() const { return feature_; }  // one word or phrase: "cp", "model", "moe"

 private:
  std::string feature_, reason_;
};

// The programmer's mistake: throws std::logic_error with the message when `condition` is false.
void check(bool condition, const char* message);

}  // namespace perfbench
