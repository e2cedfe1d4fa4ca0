#include "cli/process_title.h"

#include <cstring>

#include "base/redact.h"
#include "cli/flags_expand.h"

namespace perfbench {

void hide_secrets(const std::vector<std::string>& args, char* const* argv) {
  for (std::size_t i = 0; i < args.size(); ++i)
    for (const TextPart& part : secret_parts(args[i])) std::memset(argv[i] + part.offset, '*', part.size);
  for (const HiddenPart& part : expand_arguments(args).hidden)
    std::memset(argv[part.argument] + part.offset, '*', args[part.argument].size() - part.offset);
}

}  // namespace perfbench
