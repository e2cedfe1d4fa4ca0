// cuBLASLt's matmul with beta 1, C and D being the sum.
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAStream.h>
#include <cublasLt.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "engine/torch/scaled_sum.h"

namespace perfbench {
namespace {

// Frees what one of cuBLASLt's create functions has made.
template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* made) const {
    destroy(made);
  }
};
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy<cublasLtMatrixLayoutDestroy>>;
using Description = std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy<cublasLtMatmulDescDestroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroy<cublasLtMatmulPreferenceDestroy>>;

std::optional<cudaDataType_t> cuda_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return CUDA_R_32F;
    case at::kBFloat16:
      return CUDA_R_16BF;
    case at::kFloat8_e4m3fn:
      return CUDA_R_8F_E4M3;
    case at::kFloat8_e5m2:
      return CUDA_R_8F_E5M2;
    default:
      return std::nullopt;
  }
}

// cuBLASLt counts columns first: a row-major (rows, columns) is its (columns, rows).
Layout layout_of(const at::Tensor& matrix) {
  cublasLtMatrixLayout_t layout = nullptr;
  const auto rows = static_cast<std::uint64_t>(matrix.size(0)), columns = static_cast<std::uint64_t>(matrix.size(1));
  cublasLtMatrixLayoutCreate(&layout, *cuda_type(matrix.scalar_type()), columns, rows, matrix.size(1));
  return Layout(layout);
}

template <class T>
void set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof value);
}

// In its order of dims sum^T = b a^T: b first, transposed. FP8 operands must stand so.
Description description_of(const at::Tensor& scale_a, const at::Tensor& scale_b) {
  cublasLtMatmulDesc_t made = nullptr;
  if (cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F) != CUBLAS_STATUS_SUCCESS) return nullptr;
  Description description(made);
  set(made, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  set(made, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
  set(made, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(scale_b.data_ptr()));
  set(made, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(scale_a.data_ptr()));
  return description;
}

using Algorithm = std::optional<cublasLtMatmulAlgo_t>;  // nothing: the library has none

// The largest power of two up to 256, the heuristic's own assumption, that divides the address: a view into a flat
// bucket may begin anywhere.
std::uint32_t alignment_of(const at::Tensor& tensor) {
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.data_ptr());
  return static_cast<std::uint32_t>(std::min<std::uintptr_t>(address & (~address + 1), 256));
}

struct Operands {
  const at::Tensor &sum, &a, &b;
  auto key() const {
    return std::tuple(sum.size(0), sum.size(1), a.size(1), sum.scalar_type(), a.scalar_type(), b.scalar_type(),
                      alignment_of(sum), alignment_of(a), alignment_of(b));
  }
};

void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
  cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
}

Algorithm best_algorithm(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const Operands& of,
                         std::size_t workspace_bytes) {
  cublasLtMatmulPreference_t made = nullptr;
  if (cublasLtMatmulPreferenceCreate(&made) != CUBLAS_STATUS_SUCCESS) return std::nullopt;
  const Preference preference(made);
  set(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(of.b));  // b stands first
  set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(of.a));
  set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(of.sum));
  set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(of.sum));
  const Layout b = layout_of(of.b), a = layout_of(of.a), sum = layout_of(of.sum);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, description, b.get(), a.get(), sum.get(),
                                                               sum.get(), made, 1, &best, &found);
  if (status != CUBLAS_STATUS_SUCCESS || found == 0) return std::nullopt;
  return best.algo;
}

// The library's choice for a shape, made once a thread: each rank has a thread, a device and a handle of its own.
const Algorithm& algorithm_for(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const Operands& of,
                               std::size_t workspace_bytes) {
  thread_local std::map<decltype(of.key()), Algorithm> chosen;
  const auto found = chosen.find(of.key());
  if (found != chosen.end()) return found->second;
  return chosen.emplace(of.key(), best_algorithm(handle, description, of, workspace_bytes)).first->second;
}

}  // namespace

bool add_scaled_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale_a,
                        const at::Tensor& scale_b) {
  if (!sum.is_cuda() || !sum.is_contiguous() || !cuda_type(sum.scalar_type())) return false;
  const cublasLtHandle_t handle = at::cuda::getCurrentCUDABlasLtHandle();
  const Description description = description_of(scale_a, scale_b);
  if (!description) return false;
  const std::size_t workspace_bytes = at::cuda::getCUDABlasLtWorkspaceSize();
  const Operands operands{sum, a, b};
  const Algorithm& algorithm = algorithm_for(handle, description.get(), operands, workspace_bytes);
  if (!algorithm) return false;
  const float one = 1.0F;
  const Layout of_b = layout_of(b), of_a = layout_of(a), of_sum = layout_of(sum);
  const cublasStatus_t status =
      cublasLtMatmul(handle, description.get(), &one, b.data_ptr(), of_b.get(), a.data_ptr(), of_a.get(), &one,
                     sum.data_ptr(), of_sum.get(), sum.data_ptr(), of_sum.get(), &*algorithm,
                     at::cuda::getCUDABlasLtWorkspace(), workspace_bytes, c10::cuda::getCurrentCUDAStream().stream());
  return status == CUBLAS_STATUS_SUCCESS;
}

}  // namespace perfbench
