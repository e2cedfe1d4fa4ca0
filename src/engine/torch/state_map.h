// Which elements of which Hugging Face tensor each rank's weights are made of, both ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/session.h"
#include "engine/torch/chunk.h"
#include "engine/torch/rank.h"
#include "engine/weights/model_pieces.h"

namespace perfbench {

struct PlacedPiece {
  std::size_t chunk = 0;  // of the rank
  ModelPiece located{};
};

// A rank with its chunks, and what these are made of.
struct RankStates {
  Rank* rank = nullptr;
  std::vector<Chunk>* chunks = nullptr;
  std::map<std::string, std::vector<PlacedPiece>> pieces{};  // by the name of their tensor
};
RankStates states_of(Rank& rank, std::vector<Chunk>& chunks);

// One Hugging Face tensor of the model.
struct Parameter {
  std::string name;
  DType dtype = DType::bf16;
  std::vector<std::int64_t> shape;
  bool trainable = true;
};

// The parameters of the model in its own order: embedding, layers, final norm, head; of a layer expert by expert; each
// once.
std::vector<Parameter> parameters_of(const std::vector<RankStates>& ranks, int pp, int vp);

// Copies a whole tensor, wherever it is, into every weight that has a part of it, and into the master copies.
void load_parameter(const std::vector<RankStates>& ranks, const std::string& name, const at::Tensor& whole);

// The tensor's memory, as it is.
at::Tensor on_host(const HostTensor& tensor);

enum class ParameterTensor : std::uint8_t { main_grad, weight };

// The whole tensor, float32, put together from the ranks that hold its parts; of weights the master copies where there
// are. Gradients are those of trainable parameters alone.
HostTensor whole_parameter(const std::vector<RankStates>& ranks, const Parameter& parameter, ParameterTensor part);

}  // namespace perfbench
