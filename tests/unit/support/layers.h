// The parts of a model's layers by their sort, for tests that read or change them.
#pragma once

#include <variant>

#include "job/model_spec.h"

namespace perfbench {

// Of the first kind of layer.
inline Gqa& gqa_of(ModelSpec& model) { return std::get<Gqa>(model.kinds.at(0).mixer); }
inline Dense& dense_of(ModelSpec& model) { return std::get<Dense>(model.kinds.at(0).mlp); }

// Of one layer.
inline const Gqa& gqa_at(const ModelSpec& model, int layer) { return std::get<Gqa>(model.layer(layer).mixer); }
inline const Dense& dense_at(const ModelSpec& model, int layer) { return std::get<Dense>(model.layer(layer).mlp); }
inline const Moe& moe_at(const ModelSpec& model, int layer) { return std::get<Moe>(model.layer(layer).mlp); }

// `count` layers of grouped-query attention and a dense MLP, and no others.
inline void set_layers(ModelSpec& model, const Gqa& gqa, const Dense& mlp, int count) {
  model.kinds = {{.mixer = gqa, .mlp = mlp}};
  model.layers.assign(static_cast<std::size_t>(count), 0);
}

// Gives one layer a kind of its own.
inline void set_layer(ModelSpec& model, int layer, const LayerSpec& kind) {
  model.layers.at(static_cast<std::size_t>(layer)) = static_cast<int>(model.kinds.size());
  model.kinds.push_back(kind);
}

}  // namespace perfbench
