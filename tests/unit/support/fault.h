// What a Program that cannot be right is told.
#pragma once

#include <functional>
#include <string>

#include "program/infer.h"

namespace perfbench {

// The sentence of the ProgramError that `action` throws; "" when it throws none.
inline std::string fault(const std::function<void()>& action) {
  try {
    action();
  } catch (const ProgramError& error) {
    return error.what();
  }
  return "";
}

}  // namespace perfbench
