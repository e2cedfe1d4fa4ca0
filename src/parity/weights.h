// The weights of a folder against the parameters of the model.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/session.h"
#include "engine/weights/safetensors.h"
#include "job/model_spec.h"

namespace perfbench {

// Throws InputError that names every parameter without a tensor, every tensor that is no parameter, and every one of a
// wrong shape or dtype. Embeddings that are tied may also be stored as the head when both are equal.
void check_weights(std::span<const StoredTensor> weights, std::span<const HostTensor> parameters,
                   const ModelSpec& model);

// Reads one of `weights`, which must outlive the function, by name.
std::function<HostTensor(const std::string& name)> weight_reader(std::span<const StoredTensor> weights);

}  // namespace perfbench
