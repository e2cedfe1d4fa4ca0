// Module names of NeMo's performance scripts, which name a model and a task.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace perfbench {

struct ModelWord {
  std::string module;  // "pretrain_llama3_8b"
  std::string model;   // "llama3_8b"
  bool finetune = false;
};

// "scripts.performance.llm.pretrain_llama3_8b", "llm/finetune_llama3_8b.py", "pretrain_llama3_8b"; nullopt for any
// other word.
std::optional<ModelWord> parse_model_word(std::string_view word);

}  // namespace perfbench
