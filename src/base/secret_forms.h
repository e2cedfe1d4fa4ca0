// What secrets look like: the characters that belong to them, the forms that issuers give their tokens, and names that
// say that their value is one.
#pragma once

#include <cstddef>
#include <string_view>

namespace perfbench {

using Holds = bool (*)(char);  // whether a character belongs

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter_or_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_capital_or_digit(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); }
constexpr bool is_label(char c) { return is_capital_or_digit(c) || c == ' '; }
constexpr bool is_word(char c) { return is_letter_or_digit(c) || c == '_'; }
constexpr bool is_name(char c) { return is_word(c) || c == '-'; }
constexpr bool is_token(char c) { return is_name(c) || c == '.'; }
constexpr bool is_base64(char c) { return is_letter_or_digit(c) || c == '+' || c == '/' || c == '='; }
constexpr bool is_bearer(char c) { return is_base64(c) || is_token(c) || c == '~'; }  // RFC 6750, b64token
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_quote(char c) { return c == '"' || c == '\'' || c == '\\'; }
// RFC 3986 has neither these nor blanks and control characters in a URL.
constexpr bool is_url(char c) {
  constexpr std::string_view kOthers = "\"\\<>`|^{}";
  return static_cast<unsigned char>(c) > 0x20 && c != 0x7F && kOthers.find(c) == std::string_view::npos;
}
constexpr bool is_query(char c) { return is_url(c) && c != ',' && c != '\''; }
constexpr bool is_authority(char c) { return is_url(c) && c != '/' && c != '?' && c != '#' && c != ','; }
constexpr bool is_value(char c) { return is_query(c) && c != ';' && c != '&' && c != ')' && c != ']'; }
constexpr bool is_login(char c) { return is_value(c) && c != '(' && c != '['; }
constexpr bool is_header(char c) { return c == ' ' || is_query(c); }

// A run of such characters behind the prefix is a token, with it, if it is long enough: "hf_token" is a name.
struct TokenForm {
  std::string_view prefix;
  Holds holds;
  std::size_t least;         // characters behind the prefix
  bool begins_word = false;  // "task-" ends like "sk-"
};

inline constexpr TokenForm kTokenForms[] = {
    {"hf_", is_letter_or_digit, 16},       // Hugging Face
    {"api_org_", is_letter_or_digit, 16},  // Hugging Face, of an organization
    {"ghp_", is_letter_or_digit, 16},      // GitHub: personal, OAuth, user, server, refresh
    {"gho_", is_letter_or_digit, 16},
    {"ghu_", is_letter_or_digit, 16},
    {"ghs_", is_letter_or_digit, 16},
    {"ghr_", is_letter_or_digit, 16},
    {"github_pat_", is_word, 16},
    {"glpat-", is_token, 16},  // GitLab: personal, deploy, runner, trigger
    {"gldt-", is_token, 16},
    {"glrt-", is_token, 16},
    {"glptt-", is_token, 16},
    {"xoxa-", is_name, 10},  // Slack
    {"xoxb-", is_name, 10},
    {"xoxe-", is_name, 10},
    {"xoxe.", is_token, 10},
    {"xoxo-", is_name, 10},
    {"xoxp-", is_name, 10},
    {"xoxr-", is_name, 10},
    {"xoxs-", is_name, 10},
    {"xapp-", is_name, 10},
    {"sk-", is_name, 16, true},         // OpenAI, Anthropic
    {"sk_live_", is_word, 16},          // Stripe
    {"AKIA", is_capital_or_digit, 16},  // Amazon: access keys, temporary ones
    {"ASIA", is_capital_or_digit, 16},
    {"AIza", is_name, 30},  // Google
    {"ya29.", is_token, 16},
    {"eyJ", is_token, 16},    // a JSON Web Token: base64 of {"
    {"nvapi-", is_name, 16},  // NVIDIA
    {"npm_", is_letter_or_digit, 30},
    {"pypi-AgE", is_name, 16},
    {"wandb_v1_", is_word, 16},  // Weights & Biases; its older keys are 40 hex digits, as a commit is
};

// Where a path is the secret: whoever knows it may post.
inline constexpr std::string_view kWebhooks[] = {
    "hooks.slack.com/",     "discord.com/api/webhooks/",   "discordapp.com/api/webhooks/",
    ".webhook.office.com/", "outlook.office.com/webhook/", "api.telegram.org/bot"};

inline constexpr std::string_view kBearer = "bearer";
inline constexpr std::size_t kLeastBearer = 8;  // "bearer" is a word, too

// A name that ends with one of these words has a secret value. A word that ends other names, too, must stand alone:
// "config" does not end with "sig".
struct SecretWord {
  std::string_view word;
  bool alone = false;  // nothing but a separator before it
};
inline constexpr SecretWord kSecretWords[] = {
    {"token"},      {"password"},   {"passwd"},        {"passphrase"},    {"secret"},     {"credential"},
    {"apikey"},     {"accesskey"},  {"privatekey"},    {"secretkey"},     {"_key"},       {"-key"},
    {"_signature"}, {"-signature"}, {"authorization"}, {"credentials"},   {"pass", true}, {"pwd", true},
    {"pat", true},  {"auth", true}, {"cookie", true},  {"cookies", true}, {"sig", true},  {"sas", true},
    {"jwt", true},  {"dsn", true},  {"webhook", true}};

}  // namespace perfbench
