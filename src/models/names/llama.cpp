// Llama, Qwen2, Qwen3, Nemotron. (transformers 5, modeling_llama.py, modeling_nemotron.py, modeling_qwen3.py)
#include "models/names.h"

namespace perfbench {

extern const FamilyNames kLlamaNames;
constinit const FamilyNames kLlamaNames{};

}  // namespace perfbench
