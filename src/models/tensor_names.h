// The names and the storage of Hugging Face tensors, by family.
#pragma once

#include "job/model_spec.h"
#include "program/value.h"

namespace perfbench {

// Of one linear layer or norm; {} is the layer's number in the model. nullptr: the family has no such tensor.
struct TensorName {
  const char* weight = nullptr;
  const char* bias = nullptr;
};

struct TensorNames {
  TensorName embedding{}, positions{};
  TensorName input_norm{}, q{}, k{}, v{}, q_norm{}, k_norm{}, o{};
  TensorName post_norm{}, gate{}, up{}, down{};
  TensorName final_norm{}, head{};
  bool packed_qkv = false;          // q, k and v are one tensor, in this order
  bool transposed_linears = false;  // linear layers are stored (in, out); embedding and head never are
};

const TensorNames& tensor_names(const ModelSpec& model);

}  // namespace perfbench
