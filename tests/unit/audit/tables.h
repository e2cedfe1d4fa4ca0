// Tiny published tables for tests of single rules.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "audit/audit.h"
#include "audit/read_tables.h"
#include "audit/rules.h"

namespace perfbench {

inline const Facts& facts() {
  static const Facts kFacts{Catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs")};
  return kFacts;
}

// `headings` and `rows` as CSV without the own columns; the rows are a pretraining on H100 of the stack. The file's
// name decides whose TFLOP/s they are: nemo_2504_fp8.csv, automodel_h100_bf16.csv, or any other for nobody's.
inline AuditInput table_of(std::string_view file, std::string_view headings, std::string_view rows,
                           std::string_view precision = "fp8cs") {
  std::string csv = "row,system,task,precision,stack,section,source_line," + std::string(headings) + "\n";
  const std::string stack = file.starts_with("automodel") ? "automodel" : "megatron";
  int number = 0;
  for (std::size_t at = 0; at < rows.size();) {
    const std::size_t end = std::min(rows.find('\n', at), rows.size());
    csv += "r" + std::to_string(++number) + ",h100,pretrain," + std::string(precision) + "," + stack + ",H100,1," +
           std::string(rows.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  AuditInput input;
  input.tables.push_back(parse_audited_table(csv, std::string(file), facts()));
  return input;
}

inline constexpr std::string_view kMegatron =
    "Model,#-GPUs,GBS,MBS,Sequence Length,FSDP,TP,PP,CP,VP,EP,GA,Tokens / sec / GPU,Model TFLOP / sec / GPU";
inline constexpr std::string_view kAutomodel =
    "Model,#GPUs,GBS,MBS,LBS,GA,Seq Length,TP,PP,CP,EP,VP,FSDP,Kernel Optimizations,Time per Global Step (s),"
    "Model TFLOPs/sec/GPU,Tokens/sec/GPU";

// A sound row of each: 001-19 and 000-04.
inline constexpr std::string_view kSoundMegatron = "LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,1621,780";
inline constexpr std::string_view kSoundAutomodel = "Kimi K2,256,512,1,8,2,4096,1,8,1,32,4,32,TE,8.86,189,924";

inline AuditInput megatron(std::string_view rows) { return table_of("nemo_2504_fp8.csv", kMegatron, rows); }
inline AuditInput automodel(std::string_view rows) {
  return table_of("automodel_h100_bf16.csv", kAutomodel, rows, "bf16");
}

}  // namespace perfbench
