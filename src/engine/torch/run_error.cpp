#include "engine/torch/run_error.h"

#include "base/error.h"
#include "engine/session.h"

namespace perfbench {
namespace {

// c10/core/impl/alloc_cpu.cpp: "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8192 bytes." It is no
// c10::OutOfMemoryError everywhere.
constexpr const char* kHostAllocator = "DefaultCPUAllocator";

}  // namespace

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::exception_ptr as_run_error(const std::string& where) {
  const auto out_of_memory = [&](const char* memory, const std::string& said) {
    return std::make_exception_ptr(RunError(memory, where + ": " + first_line(said)));
  };
  try {
    throw;
  } catch (const Error&) {
    return std::current_exception();
  } catch (const Unsupported&) {
    return std::current_exception();
  } catch (const c10::Error& error) {
    const std::string said = error.what_without_backtrace();
    if (const auto found = said.find(kHostAllocator); found != std::string::npos)
      return out_of_memory(kHostMemory, said.substr(found));
    if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return out_of_memory(kDeviceMemory, said);
    return std::make_exception_ptr(RunError(where, first_line(said)));
  } catch (const std::bad_alloc&) {
    return out_of_memory(kHostMemory, "an allocation of the process failed");
  } catch (const std::exception& error) {
    return std::make_exception_ptr(RunError(where, first_line(error.what())));
  }
}

}  // namespace perfbench
