#include "job/recorded_vars.h"

#include <unistd.h>

#include <algorithm>

#include "base/redact.h"

namespace perfbench {
namespace {

constexpr std::string_view kNotRecorded = "[not recorded]";

constexpr RecordedVar kRecordedVars[] = {
    {"NCCL_", "algorithms, transports and buffers of collectives"},
    {"OFI_NCCL_", "NCCL's plugin for libfabric"},
    {"FI_", "libfabric: provider and protocol of EFA"},
    {"UCX_", "transports of UCX"},
    {"UCC_", "collectives of UCC"},
    {"SHARP_", "reductions inside the switches"},
    {"NVSHMEM_", "transports of NVSHMEM"},
    {"GLOO_", "network interface of Gloo"},
    {"OMPI_MCA_", "Open MPI: transports and binding"},
    {"IBV_", "InfiniBand verbs"},
    {"RDMAV_", "InfiniBand verbs: pages and forks"},
    {"MLX5_", "driver of the network adapter"},
    {"CUDA_", "visible devices, order of launches, loading of kernels"},
    {"CUBLAS_", "workspace and kernels of matrix products"},
    {"CUBLASLT_", "workspace and kernels of matrix products"},
    {"CUDNN_", "kernels of attention"},
    {"NVIDIA_", "visible devices, TF32, versions of the container"},
    {"NVTE_", "Transformer Engine: attention, overlap, fused kernels"},
    {"TORCH_", "PyTorch: NCCL's watchdog, logs, compiler"},
    {"TORCHINDUCTOR_", "PyTorch's compiler"},
    {"PYTORCH_", "PyTorch: the allocator"},
    {"TRITON_", "compiler and cache of Triton"},
    {"OMP_", "threads and their places"},
    {"GOMP_", "threads and their places, GNU"},
    {"KMP_", "threads and their places, Intel and LLVM"},
    {"MKL_", "threads and instructions of MKL"},
    {"OPENBLAS_", "threads and instructions of OpenBLAS"},
    {"DNNL_", "instructions of oneDNN"},
    {"ONEDNN_", "instructions of oneDNN"},
    {"MALLOC_", "the allocator of host memory"},
    {"GLIBC_TUNABLES", "the allocator of host memory, instructions"},
    {"LD_LIBRARY_PATH", "which libraries are loaded"},
    {"LD_PRELOAD", "which libraries are loaded"},
    {"PERFBENCH_DATA", "which data files are read"},
    {"WORLD_SIZE", "ranks of the launch"},
    {"LOCAL_WORLD_SIZE", "ranks of the node"},
    {"RANK", "the rank"},
    {"LOCAL_RANK", "the rank of the node"},
    {"SLURM_JOB_ID", "the job, to find its logs by"},
    {"SLURM_NNODES", "nodes of the job"},
    {"SLURM_NTASKS", "ranks of the job"},
    {"SLURM_CPUS_PER_TASK", "cores of a rank"},
    {"SLURM_CPU_BIND", "cores of a rank"},
};

}  // namespace

std::span<const RecordedVar> recorded_vars() { return kRecordedVars; }

bool is_recorded(std::string_view name) {
  if (is_secret_name(name)) return false;  // NVIDIA_API_KEY
  return std::any_of(std::begin(kRecordedVars), std::end(kRecordedVars), [&](const RecordedVar& known) {
    return known.name.ends_with('_') ? name.starts_with(known.name) : name == known.name;
  });
}

EnvVars recorded(const EnvVars& variables) {
  EnvVars safe;
  for (const auto& [name, value] : variables)
    safe[name] = is_recorded(name) ? redacted(value) : std::string(kNotRecorded);
  return safe;
}

EnvVars recorded_environment() {
  EnvVars found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.size() < text.size() && is_recorded(name)) found.emplace(name, redacted(text.substr(name.size() + 1)));
  }
  return found;
}

}  // namespace perfbench
