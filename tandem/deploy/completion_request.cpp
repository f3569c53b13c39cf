#include <tandem/deploy/completion_request.h>
#include <tandem/deploy/json.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

namespace tandem::deploy {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// They say nothing of the answer.
constexpr std::array<std::string_view, 6> ignored{
    "user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key"};

double number_in(std::string_view key, const element& value, double low, double high, bool whole = false) {
  double out = 0;
  if (value.get(out) || !(out >= low && out <= high) || (whole && out != std::trunc(out)))
    refuse("'{}' must be a {} from {} to {}", key, whole ? "whole number" : "number", low, high);
  return out;
}

bool flag_of(std::string_view key, const element& value) {
  bool out = false;
  if (value.get(out)) refuse("'{}' must be true or false", key);
  return out;
}

std::string string_of(std::string_view key, const element& value) {
  std::string_view out;
  if (value.get(out)) refuse("'{}' must be a string", key);
  return std::string(out);
}

// A string, or a list of at most `most`.
std::vector<std::string> strings_of(std::string_view key, const element& value, size_t most) {
  array list;
  if (value.get(list)) return {string_of(key, value)};
  std::vector<std::string> out;
  for (const element item : list) out.push_back(string_of(key, item));
  if (out.empty() || out.size() > most) refuse("'{}' has {} strings, 1 to {} are taken", key, out.size(), most);
  return out;
}

// Text, or a list of parts that are text.
std::string content_of(const element& value) {
  array parts;
  if (value.get(parts)) return string_of("content", value);
  std::string out;
  for (const element part : parts) {
    const object o = object_of(part, "a part of 'content'");
    if (string_of("type", need(o, "type", "a part of 'content'")) != "text") refuse("a message may hold text alone");
    out += string_of("text", need(o, "text", "a part of 'content'"));
  }
  return out;
}

std::string prompt_of(const element& value) {
  array messages;
  if (value.get(messages) || messages.size() == 0) refuse("'messages' must be a list with a message or more");
  std::string out;
  for (const element item : messages) {
    const object message = object_of(item, "a message");
    std::string role = string_of("role", need(message, "role", "a message"));
    if (role == "developer") role = "system";
    if (role != "system" && role != "user" && role != "assistant")
      refuse("the role '{}' is not known here; roles: system, user, assistant", role);
    out += role + ": " + content_of(need(message, "content", "a message")) + "\n";
  }
  return out + "assistant:";
}

// What is taken as long as it asks for nothing: {"n": 1}, {"logit_bias": {}}.
bool asks_for_nothing(std::string_view key, const element& value) {
  double number = 0;
  bool flag = false;
  array list;
  object map;
  std::string_view text;
  if (key == "n" || key == "best_of") return !value.get(number) && number == 1;
  if (key == "frequency_penalty" || key == "presence_penalty") return !value.get(number) && number == 0;
  if (key == "echo" || key == "logprobs") return !value.get(flag) && !flag;
  if (key == "logit_bias") return !value.get(map) && map.size() == 0;
  if (key == "tools" || key == "functions") return !value.get(list) && list.size() == 0;
  if (key == "response_format") {
    const auto type = value.get(map) ? std::nullopt : find(map, "type");
    return type && !type->get(text) && text == "text";
  }
  return false;
}

}  // namespace

uint64_t drawn_number() {
  thread_local std::random_device device;
  return (uint64_t{device()} << 20) ^ device();
}

CompletionRequest read_completion(std::string_view body, bool chat, int64_t most_tokens, int64_t most_prompt) {
  const Json parsed(body);
  const object root = object_of(parsed.root, "the body");
  CompletionRequest out;
  out.chat = chat;
  out.model = text_of(need(root, "model", "the body"), "'model'");
  const char* asked = chat ? "messages" : "prompt";
  (void)need(root, asked, "the body");
  tasks::GenerationOptions& o = out.options;
  o.tokens = std::min(o.tokens, most_tokens);
  o.seed = drawn_number();
  for (const auto& [key, value] : root) {
    if (key == "model" || std::ranges::find(ignored, key) != ignored.end()) continue;
    if (key == asked)
      out.prompt = chat ? prompt_of(value) : strings_of(key, value, 1)[0];
    else if (value.is_null())
      continue;
    else if (key == "max_tokens" || (chat && key == "max_completion_tokens"))
      o.tokens = static_cast<int64_t>(number_in(key, value, 0, static_cast<double>(most_tokens), true));
    else if (key == "temperature")
      o.temperature = number_in(key, value, 0, 100);
    else if (key == "top_p")
      o.top_p = number_in(key, value, 1e-6, 1);
    else if (key == "top_k")
      o.top_k = static_cast<int64_t>(number_in(key, value, 0, 1e9, true));
    else if (key == "repetition_penalty")
      o.repetition_penalty = number_in(key, value, 0.01, 100);
    else if (key == "seed")
      o.seed = static_cast<uint64_t>(number_in(key, value, 0, 9007199254740992, true));
    else if (key == "stop")
      o.stop = strings_of(key, value, 16);
    else if (key == "stream")
      out.stream = flag_of(key, value);
    else if (key == "stream_options") {
      const auto usage = find(object_of(value, "'stream_options'"), "include_usage");
      out.stream_usage = usage && flag_of("include_usage", *usage);
    } else if (!asks_for_nothing(key, value)) {
      refuse(
          "'{}' would change the answer and is not known here, or not with this value; known: {}, max_tokens, "
          "temperature, top_p, top_k, repetition_penalty, seed, stop, stream, stream_options, n (1)",
          key, asked);
    }
  }
  if (std::ranges::any_of(o.stop, &std::string::empty)) refuse("'stop' has an empty string");
  if (chat)
    for (const char* other : {"\nsystem:", "\nuser:", "\nassistant:"}) o.stop.emplace_back(other);
  if (std::ssize(out.prompt) > most_prompt)
    throw Refused(413, fmt::format("the prompt has {} bytes, at most {} are taken", out.prompt.size(), most_prompt));
  return out;
}

}  // namespace tandem::deploy
