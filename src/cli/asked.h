// From a command line to the Job that it asks for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"
#include "job/catalog.h"
#include "job/resolve.h"

namespace perfbench {

struct Asked {
  Job job;
  RowChoice choice;
  std::vector<std::string> warnings;  // for standard error
  std::vector<std::string> notes;     // for the row
};

// Whose defaults the options ask for.
Compat compat_of(const Options& options);

// The request of the flags and of the word that names a module; `--model pretrain_llama3_8b` is such a word, too.
Request asked_request(const CommandLine& line);

// Names, base row, defaults, checks. Throws InputError with every unknown name, else with every
// broken rule, and Unsupported for what is valid and cannot be a Job here.
Asked resolve_asked(const CommandLine& line, const Catalog& catalog);
// The same of a request that was made of the line and changed since.
Asked resolve_asked(const CommandLine& line, const Request& request, const Catalog& catalog);

}  // namespace perfbench
