// What `perfbench verify DIR` reads before any step: the folder's weights and batch, and the Job they stand for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/session.h"
#include "engine/weights/safetensors.h"
#include "job/catalog.h"
#include "job/job.h"
#include "job/request.h"
#include "parity/adapter.h"

namespace perfbench {

struct VerifyFolder {
  std::filesystem::path folder;
  std::vector<StoredTensor> weights;  // headers only
  std::optional<AdapterFolder> adapter;
  std::int64_t rows = 0, seq_len = 0;   // of the batch
  std::vector<std::int64_t> input_ids;  // rows x seq_len
  std::vector<std::int64_t> labels;     // as transformers takes them: label i belongs to token i, -100 is ignored
  // Where in its row each token's sub-sequence starts; empty where the batch has none. Tokens attend to those of their
  // own sub-sequence only, and their positions are counted from its start.
  std::vector<std::int64_t> starts;
  std::filesystem::path batch_file() const { return folder / "batch.safetensors"; }
  std::filesystem::path config_file() const { return folder / "config.json"; }
};

// Throws InputError with every fault of the files at once.
VerifyFolder read_verify_folder(const std::filesystem::path& folder);

// What is asked for and the folder fills: the precision of the weights, as many GPUs as the axes need, gbs
// = rows, mbs = 1, system cpu, stack perfbench, the model's own router, task lora where the folder holds adapters and
// else pretrain. A moe_gate that is no word is a file: Gate::given. Throws InputError for a batch of another size than
// asked, for a gate that is neither and for broken rules, and Unsupported.
Job verify_job(Request request, const Catalog& catalog, const VerifyFolder& folder);

// The weights that the job has: with those of the adapters when it has any, without those of routers that do not run.
std::vector<StoredTensor> weights_of(const VerifyFolder& folder, const Job& job);

// Target i of the engine is the label of the next token; the last one of a sample is ignored. Throws InputError for ids
// and labels outside the vocabulary, starts that are none, and when no target counts.
Batch verify_batch(const VerifyFolder& folder, std::int64_t vocab);

}  // namespace perfbench
