#include "cli/model_word.h"

namespace perfbench {

std::optional<ModelWord> parse_model_word(std::string_view word) {
  if (word.ends_with(".py")) word.remove_suffix(3);
  if (const std::size_t last = word.find_last_of("./"); last != std::string_view::npos) word.remove_prefix(last + 1);
  for (const std::string_view prefix : {"pretrain_", "finetune_"}) {
    if (!word.starts_with(prefix) || word.size() == prefix.size()) continue;
    return ModelWord{.module = std::string(word),
                     .model = std::string(word.substr(prefix.size())),
                     .finetune = prefix == "finetune_"};
  }
  return std::nullopt;
}

}  // namespace perfbench
