#include "engine/gpu/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "engine/gpu/nvml_functions.h"

namespace perfbench {
namespace {

constexpr unsigned int kTextBytes = 128;      // the reference's buffers are 80 (driver) and 96 (name)
constexpr unsigned int kFirstProcesses = 64;  // room on the first try
constexpr const char* kDriverRemedy = "install the NVIDIA driver, or give the container its utilities";

// A function of the library by the names that it has had, the newest first.
template <class Signature>
struct Function {
  std::string name;
  Signature* call = nullptr;
};

template <class Signature>
Function<Signature> find(void* library, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (void* symbol = dlsym(library, name)) return {name, reinterpret_cast<Signature*>(symbol)};
  return {*names.begin(), nullptr};
}

}  // namespace

struct Nvml::Functions {
  explicit Functions(void* library)
      : init(find<nvml::Init>(library, {"nvmlInit_v2"})),
        shutdown(find<nvml::Shutdown>(library, {"nvmlShutdown"})),
        error_string(find<nvml::ErrorString>(library, {"nvmlErrorString"})),
        driver_version(find<nvml::SystemText>(library, {"nvmlSystemGetDriverVersion"})),
        count(find<nvml::DeviceCount>(library, {"nvmlDeviceGetCount_v2"})),
        by_index(find<nvml::HandleByIndex>(library, {"nvmlDeviceGetHandleByIndex_v2"})),
        by_bus_id(find<nvml::HandleByPciBusId>(library, {"nvmlDeviceGetHandleByPciBusId_v2"})),
        name(find<nvml::DeviceText>(library, {"nvmlDeviceGetName"})),
        clock(find<nvml::DeviceNumberOfKind>(library, {"nvmlDeviceGetClockInfo"})),
        max_clock(find<nvml::DeviceNumberOfKind>(library, {"nvmlDeviceGetMaxClockInfo"})),
        temperature(find<nvml::DeviceNumberOfKind>(library, {"nvmlDeviceGetTemperature"})),
        power(find<nvml::DeviceNumber>(library, {"nvmlDeviceGetPowerUsage"})),
        power_limit(find<nvml::DeviceNumber>(library, {"nvmlDeviceGetEnforcedPowerLimit"})),
        default_power_limit(find<nvml::DeviceNumber>(library, {"nvmlDeviceGetPowerManagementDefaultLimit"})),
        reasons(find<nvml::DeviceBits>(
            library, {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"})),
        memory(find<nvml::DeviceMemory>(library, {"nvmlDeviceGetMemoryInfo"})),
        processes(find<nvml::DeviceProcesses>(library, {"nvmlDeviceGetComputeRunningProcesses_v3"})) {}

  Function<nvml::Init> init;
  Function<nvml::Shutdown> shutdown;
  Function<nvml::ErrorString> error_string;
  Function<nvml::SystemText> driver_version;
  Function<nvml::DeviceCount> count;
  Function<nvml::HandleByIndex> by_index;
  Function<nvml::HandleByPciBusId> by_bus_id;
  Function<nvml::DeviceText> name;
  Function<nvml::DeviceNumberOfKind> clock, max_clock, temperature;
  Function<nvml::DeviceNumber> power, power_limit, default_power_limit;
  Function<nvml::DeviceBits> reasons;
  Function<nvml::DeviceMemory> memory;
  Function<nvml::DeviceProcesses> processes;

  std::string text_of(nvml::Result result) const {
    const char* text = error_string.call == nullptr ? nullptr : error_string.call(result);
    return text == nullptr ? fmt::format("error {}", result) : text;
  }

  // Calls and says whether that gave a value; if not, why goes to `absent`.
  template <class Signature, class... Arguments>
  bool ask(const Function<Signature>& function, std::vector<std::string>& absent, Arguments... arguments) const {
    if (function.call == nullptr) {
      absent.push_back(fmt::format("{}: this driver's library does not have it", function.name));
      return false;
    }
    const nvml::Result result = function.call(arguments...);
    if (result != nvml::kSuccess) absent.push_back(fmt::format("{}: {}", function.name, text_of(result)));
    return result == nvml::kSuccess;
  }

  std::optional<double> number(const Function<nvml::DeviceNumber>& function, void* gpu,
                               std::vector<std::string>& absent) const {
    unsigned int value = 0;
    return ask(function, absent, gpu, &value) ? std::optional<double>(value) : std::nullopt;
  }
  std::optional<double> number(const Function<nvml::DeviceNumberOfKind>& function, void* gpu, int kind,
                               std::vector<std::string>& absent) const {
    unsigned int value = 0;
    return ask(function, absent, gpu, kind, &value) ? std::optional<double>(value) : std::nullopt;
  }

  std::optional<std::vector<std::int64_t>> process_ids(void* gpu, std::vector<std::string>& absent) const {
    std::vector<nvml::ProcessInfo> infos(kFirstProcesses);
    unsigned int count_of = kFirstProcesses;
    if (processes.call != nullptr && processes.call(gpu, &count_of, infos.data()) == nvml::kInsufficientSize) {
      infos.resize(count_of + kFirstProcesses);  // more may start between the two calls
    }
    count_of = static_cast<unsigned int>(infos.size());
    if (!ask(processes, absent, gpu, &count_of, infos.data())) return std::nullopt;
    std::vector<std::int64_t> ids;
    for (unsigned int i = 0; i < count_of; ++i) ids.push_back(infos[i].pid);
    return ids;
  }
};

namespace {

std::optional<double> thousandth(const std::optional<double>& value) {
  return value ? std::optional(*value / 1000.0) : std::nullopt;
}

}  // namespace

Nvml::Nvml(const std::string& library) {
  // Never closed: the library may have threads of its own.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* error = dlerror();
    part_ = {.version = "", .missing = error == nullptr ? library : error, .remedy = kDriverRemedy};
    return;
  }
  auto functions = std::make_unique<Functions>(handle);
  std::vector<std::string> absent;
  if (!functions->ask(functions->init, absent)) {
    part_ = {.version = "", .missing = fmt::format("{}: {}", library, absent.front()), .remedy = kDriverRemedy};
    return;
  }
  std::array<char, kTextBytes> version{};
  const bool known = functions->ask(functions->driver_version, absent, version.data(), kTextBytes - 1);
  part_ = {.version = known ? std::string("driver ") + version.data() : "driver of an unknown version",
           .missing = "",
           .remedy = ""};
  functions_ = std::move(functions);
}

Nvml::~Nvml() {
  if (functions_ && functions_->shutdown.call != nullptr) functions_->shutdown.call();
}

Nvml::Nvml(Nvml&&) noexcept = default;
Nvml& Nvml::operator=(Nvml&&) noexcept = default;

int Nvml::num_gpus() const {
  unsigned int count = 0;
  std::vector<std::string> ignored;
  return functions_ && functions_->ask(functions_->count, ignored, &count) ? static_cast<int>(count) : 0;
}

std::optional<NvmlGpu> Nvml::by_index(int index) const {
  NvmlGpu gpu;
  std::vector<std::string> ignored;
  const bool found =
      functions_ && functions_->ask(functions_->by_index, ignored, static_cast<unsigned int>(index), &gpu.handle);
  return found ? std::optional(gpu) : std::nullopt;
}

std::optional<NvmlGpu> Nvml::by_pci_bus_id(const std::string& bus_id) const {
  NvmlGpu gpu;
  std::vector<std::string> ignored;
  const bool found = functions_ && functions_->ask(functions_->by_bus_id, ignored, bus_id.c_str(), &gpu.handle);
  return found ? std::optional(gpu) : std::nullopt;
}

GpuLimits Nvml::limits(NvmlGpu gpu) const {
  GpuLimits limits;
  if (!functions_) return limits;
  const Functions& f = *functions_;
  std::array<char, kTextBytes> name{};
  if (f.ask(f.name, limits.absent, gpu.handle, name.data(), kTextBytes - 1)) limits.name = name.data();
  limits.sm_clock_max_mhz = f.number(f.max_clock, gpu.handle, nvml::kClockSm, limits.absent);
  limits.power_limit_w = thousandth(f.number(f.power_limit, gpu.handle, limits.absent));
  limits.default_power_limit_w = thousandth(f.number(f.default_power_limit, gpu.handle, limits.absent));
  nvml::Memory memory{};
  if (f.ask(f.memory, limits.absent, gpu.handle, &memory))
    limits.memory_bytes = static_cast<std::int64_t>(memory.total);
  return limits;
}

GpuReading Nvml::read(NvmlGpu gpu) const {
  GpuReading reading;
  if (!functions_) return reading;
  const Functions& f = *functions_;
  reading.sm_clock_mhz = f.number(f.clock, gpu.handle, nvml::kClockSm, reading.absent);
  reading.power_w = thousandth(f.number(f.power, gpu.handle, reading.absent));
  reading.temperature_c = f.number(f.temperature, gpu.handle, nvml::kTemperatureGpu, reading.absent);
  unsigned long long bits = 0;
  if (f.ask(f.reasons, reading.absent, gpu.handle, &bits)) reading.clock_reasons = bits;
  nvml::Memory memory{};
  if (f.ask(f.memory, reading.absent, gpu.handle, &memory))
    reading.memory_used_bytes = static_cast<std::int64_t>(memory.used);
  reading.process_ids = f.process_ids(gpu.handle, reading.absent);
  return reading;
}

}  // namespace perfbench
