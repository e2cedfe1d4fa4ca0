#include "base/redact.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "base/file.h"
#include "base/json.h"

namespace perfbench {
namespace {

struct Case {
  const char* text;
  const char* redacted;
};

TEST(Redacted, TakesSecretsOutOfTexts) {
  const Case cases[] = {
      {"http://user:SEKRET@proxy:3128", "http://[redacted]@proxy:3128"},
      {"https://SEKRET@sentry.io/1 is down", "https://[redacted]@sentry.io/1 is down"},
      {"postgres://u:p@SEKRET@h/db", "postgres://[redacted]@h/db"},
      {"http://user:pa/SEKRET@host/x", "http://[redacted]@host/x"},
      {"https://s3/x?X-Amz-Signature=SEKRET, next", "https://s3/x?[redacted], next"},
      {"?sv=1&sig=SEKRET&se=2", "?sv=1&sig=[redacted]&se=2"},
      {"docker://$oauthtoken:SEKRET@nvcr.io#nvidia/nemo:25.04", "docker://[redacted]@nvcr.io#nvidia/nemo:25.04"},
      {"-iuser:SEKRET@registry/nemo:25.04", "[redacted]@registry/nemo:25.04"},
      {"image=user:SEK=RET@registry/nemo,/a:/b", "image=[redacted]@registry/nemo,/a:/b"},
      {"https://hooks.slack.com/services/T0/B0/SEKRET", "https://hooks.slack.com/[redacted]"},
      {"export=ALL,HF_TOKEN=SEKRET,X=1", "export=ALL,HF_TOKEN=[redacted],X=1"},
      {R"({"note":"password=\"SEKRET\"","b":1})", R"({"note":"password=\"[redacted]\"","b":1})"},
      {"Authorization: Basic SEKRET==\nnext", "Authorization: [redacted]\nnext"},
      {"a bearer SEKRET0123 came", "a bearer [redacted] came"},
      {"hf_SEKRETabcdefghijklmnop.", "[redacted]."},
      {"-hfhf_SEKRETabcdefghijklmnop", "-hf[redacted]"},
      {"ghp_SEKRET0123456789abcdef", "[redacted]"},
      {"github_pat_SEKRET_0123456789", "[redacted]"},
      {"glpat-SEKRET-0123456789", "[redacted]"},
      {"xoxb-1-2-SEKRET0", "[redacted]"},
      {"(sk-proj-SEKRET0123456789)", "([redacted])"},
      {"AKIASEKRET0123456789", "[redacted]"},
      {"eyJhbGciOiJI.eyJzdWIi.SEKRET", "[redacted]"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\nSEKRET\n-----END OPENSSH PRIVATE KEY-----\nnext", "[redacted]\nnext"},
      {R"("-----BEGIN RSA PRIVATE KEY-----\nSEKRET\"next")", R"("[redacted]\"next")"},
  };
  for (const Case& c : cases) EXPECT_EQ(redacted(c.text), c.redacted);
}

TEST(Redacted, LeavesWhatOnlyLooksAlike) {
  for (const char* text : {"nvcr.io/nvidia/nemo:25.04@sha256:0123", "git@github.com:org/x.git", "http://h:8080/a@b",
                           "--hf_token: needs a value", "'key=value;key'", "tokens_per_s_per_gpu=2", "max_tokens=3",
                           "config=x", "bypass=1", "NCCL_IB_PKEY=0x7fff", "task-llama3-8b-h100-fp8-run12",
                           "-----BEGIN CERTIFICATE-----", "hf_checkpoints/llama", "/data:/mnt@2"})
    EXPECT_EQ(redacted(text), text);
}

// Data, results and help text hold no secret: nothing of them may change on its way out.
TEST(Redacted, ChangesNothingInTheProjectsOwnFiles) {
  namespace fs = std::filesystem;
  int files = 0;
  for (const char* folder : {"model_configs", "results", "docs"}) {
    for (const auto& item : fs::recursive_directory_iterator(fs::path(PERFBENCH_SOURCE_DIR) / folder)) {
      if (!item.is_regular_file() || item.path().extension() == ".png") continue;
      const std::string text = read_file(item.path());
      EXPECT_TRUE(redacted(text) == text) << item.path();
      ++files;
    }
  }
  EXPECT_GT(files, 50);
}

// Pieces of secrets and of what stands around them in any order: JSON stays JSON of the same shape, and what went
// through once stays as it is.
TEST(Redacted, RandomTextsInJson) {
  const std::string pieces[] = {"://",
                                "user:",
                                "pass",
                                "@",
                                "host",
                                "?",
                                "sig=",
                                "token=",
                                "\"",
                                "\\",
                                "\n",
                                ",",
                                " ",
                                "hf_",
                                "abcdefghijklmnopqrstuvwx",
                                "bearer ",
                                "Authorization: ",
                                "-----BEGIN A KEY-----",
                                "-----END A KEY-----",
                                "[redacted]",
                                "hooks.slack.com/",
                                "é",
                                "{",
                                "}",
                                "'"};
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::size_t n = random() % 12; n > 0; --n) text += pieces[random() % std::size(pieces)];
    const std::string json = dump_json(Json::Object{{"a", text}, {"b", Json::Array{text, 1}}}, i % 2 == 0 ? -1 : 2);
    const std::string safe = redacted(json);
    const Json read = parse_json(safe, "safe");  // throws
    ASSERT_NE(read.find("a"), nullptr) << json;
    ASSERT_EQ(std::get<Json::Array>(read.find("b")->value).size(), 2U) << json;
    EXPECT_EQ(redacted(safe), safe) << json;
    EXPECT_EQ(redacted(redacted(text)), redacted(text)) << text;
  }
}

TEST(Redacted, GoesBeforeATextIsCut) {
  EXPECT_EQ(redacted_start("http://user:SEKRETSEKRETSEKRET@host", 20), "http://[redacted]@ho...");
  EXPECT_EQ(redacted_start("short", 20), "short");
}

// A cell may be a megabyte of anything.
TEST(Redacted, IsLinear) {
  for (const std::string piece : {"@", "u:p@", "a://x:y", "a://x:y@", "-----BEGIN KEY-----", "-----BEGIN KEY-----\"",
                                  "token=", "cookie:", "bearer ", "hf_"}) {
    std::string text;
    while (text.size() < std::size_t{1} << 20U) text += piece;
    EXPECT_LE(redacted(text).size(), 20 * text.size());
  }
}

TEST(SecretName, GoesByTheEnd) {
  for (const char* name :
       {"HF_TOKEN", "PASSWD", "MYSQL_PWD", "DB_PASS", "GITHUB_PAT", "NVIDIA_API_KEY", "WANDB_API_KEY", "Client_Secret",
        "AUTHORIZATION", "COOKIE", "SENTRY_DSN", "sig", "x-amz-security-token"})
    EXPECT_TRUE(is_secret_name(name)) << name;
  for (const char* name :
       {"NCCL_DEBUG", "NCCL_IB_PKEY", "UCX_IB_PKEY", "TOKENIZERS_PARALLELISM", "CONFIG", "BYPASS", "key", ""})
    EXPECT_FALSE(is_secret_name(name)) << name;
}

}  // namespace
}  // namespace perfbench
