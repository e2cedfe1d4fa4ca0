// What perfbench knows of models, systems, software and conventions, each file read once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "job/catalog.h"
#include "rows/flops_quirks.h"

namespace perfbench {

class Facts {
 public:
  // Reads every model and the quirks of published/flops_quirks.csv. Throws InputError for what is wrong with a file.
  explicit Facts(const Catalog& catalog);

  // By name or alias as a table prints it ("LLAMA3-70B"); nullptr: not known. The pointers live as long as the Facts.
  const ModelSpec* model(std::string_view name) const;
  const SystemSpec* system(std::string_view name) const;
  const Stack* stack(std::string_view name) const;
  const std::vector<TableQuirk>& quirks() const { return quirks_; }

 private:
  std::vector<std::unique_ptr<const ModelSpec>> models_;
  std::map<std::string, const ModelSpec*> model_of_name_;  // by canonical name or alias
  std::map<std::string, std::unique_ptr<const SystemSpec>> systems_;
  std::map<std::string, std::shared_ptr<const Stack>> stacks_;  // by name and alias
  std::vector<TableQuirk> quirks_;
};

}  // namespace perfbench
