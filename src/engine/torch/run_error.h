// What LibTorch and the allocators throw, as the errors of base/error.h.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>

namespace perfbench {

// ATen adds a trace of its own calls to what it says.
std::string first_line(const std::string& text);

// The exception being handled: an Error or an Unsupported as it is, memory that ran out as RunError with its place
// (session.h) and the bytes that were asked for, any other as RunError with `where`.
std::exception_ptr as_run_error(const std::string& where);

// Runs `work` with LibTorch's errors turned into RunErrors.
template <class Work>
auto with_run_errors(const std::string& where, const Work& work) {
  try {
    return work();
  } catch (const c10::Error&) {
    std::rethrow_exception(as_run_error(where));
  } catch (const std::bad_alloc&) {
    std::rethrow_exception(as_run_error(where));
  }
}

}  // namespace perfbench
