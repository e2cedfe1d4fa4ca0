#include "parity/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/json.h"
#include "base/table.h"

namespace perfbench {
namespace {

std::string comparison_text(const Comparison& comparison) {
  const Deviation& worst = comparison.worst();
  return fmt::format("{} {}: the worst of {} is {}, off by {:.3g} where {:.3g} is allowed\n",
                     comparison.agrees() ? "agrees with" : "DIFFERS from", comparison.file,
                     comparison.deviations.size(), worst.what, worst.difference, worst.allowed);
}

Json deviation_json(const Deviation& deviation) {
  return Json::Object{{"what", deviation.what},
                      {"difference", deviation.difference},
                      {"allowed", deviation.allowed},
                      {"expected", deviation.expected}};
}

Json comparison_json(const Comparison& comparison) {
  Json::Array differing;
  for (const Deviation& deviation : comparison.deviations)
    if (!deviation.agrees()) differing.emplace_back(deviation_json(deviation));
  return Json::Object{{"file", comparison.file},
                      {"agrees", comparison.agrees()},
                      {"compared", static_cast<std::int64_t>(comparison.deviations.size())},
                      {"worst", deviation_json(comparison.worst())},
                      {"differing", std::move(differing)}};
}

}  // namespace

std::string VerifyResult::not_finite() const {
  if (!std::isfinite(step.loss)) return "the loss";
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (!std::isfinite(losses[i])) return fmt::format("the loss of step {}", i + 1);
  for (const HostTensor& gradient : gradients)
    if (!std::isfinite(norm_of(gradient))) return fmt::format("the gradient of {}", gradient.name);
  return "";
}

std::string verify_text(const Job& job, const VerifyResult& result) {
  const ParallelLayout& layout = job.layout;
  std::string text = fmt::format(
      "{} {} on {} rank{} of {}: tp {} pp {} vp {} cp {} ep {} dp {}, {} samples of {} tokens in microbatches of {}\n",
      job.model.name, name(job.precision), job.num_gpus, job.num_gpus == 1 ? "" : "s", job.system.name, layout.tp,
      layout.pp, layout.vp, layout.cp, layout.ep, layout.dp, job.gbs, job.seq_len, job.mbs);
  text += fmt::format("loss       {:.9g}\ngrad_norm  {:.9g}\n", result.step.loss, result.step.grad_norm);
  for (std::size_t i = 0; i < result.losses.size(); ++i)
    text += fmt::format("step {:<5} loss {:.9g}\n", i + 1, result.losses[i]);
  std::size_t width = 0;
  for (const HostTensor& gradient : result.gradients) width = std::max(width, gradient.name.size());
  text += "norms of the gradients\n";
  for (const HostTensor& gradient : result.gradients)
    text += fmt::format("  {:<{}}  {:.9g}\n", gradient.name, width, norm_of(gradient));
  for (const std::string& remark : result.step.remarks) text += fmt::format("note: {}\n", remark);
  if (result.comparison) text += comparison_text(*result.comparison);
  return text;
}

std::string verify_json(const Job& job, const VerifyResult& result) {
  const ParallelLayout& layout = job.layout;
  Json::Object gradients;
  for (const HostTensor& gradient : result.gradients) gradients.emplace_back(gradient.name, norm_of(gradient));
  Json json = Json::Object{{"folder", job.model.name},
                           {"precision", std::string(name(job.precision))},
                           {"num_gpus", job.num_gpus},
                           {"tp", layout.tp},
                           {"pp", layout.pp},
                           {"vp", layout.vp},
                           {"cp", layout.cp},
                           {"ep", layout.ep},
                           {"dp", layout.dp},
                           {"gbs", job.gbs},
                           {"mbs", job.mbs},
                           {"seq_len", job.seq_len},
                           {"loss", result.step.loss},
                           {"loss_ok", result.not_finite().empty()},
                           {"grad_norm", result.step.grad_norm},
                           {"gradients", std::move(gradients)},
                           {"remarks", Json::Array(result.step.remarks.begin(), result.step.remarks.end())}};
  if (!result.losses.empty()) json.set("losses", Json::Array(result.losses.begin(), result.losses.end()));
  if (result.comparison) json.set("expect", comparison_json(*result.comparison));
  return dump_json(json) + "\n";
}

}  // namespace perfbench
