#include "engine/torch/refusal.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

namespace perfbench {

std::optional<std::string> refusal_of(const std::function<void()>& attempt, const std::function<void()>& settle) {
  try {
    attempt();
    return std::nullopt;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::AcceleratorError&) {
    throw;
  } catch (const c10::Error& error) {
    settle();
    return error.what_without_backtrace();
  }
}

std::function<void()> waits_for(c10::Device device) {
  if (device.is_cpu()) return [] {};  // every call has returned when it is done
  return [device] { c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index()); };
}

}  // namespace perfbench
