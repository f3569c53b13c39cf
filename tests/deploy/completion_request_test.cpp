// Bodies of completions and chats, without a network behind them.
#include <tandem/deploy/completion_request.h>
#include <tandem/deploy/http.h>

#include <nlohmann/json.hpp>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

deploy::CompletionRequest read(const json& body, bool chat = false) {
  return deploy::read_completion(body.dump(), chat, 100, 200);
}

// A good body with one key more, or another value of it.
json with(const char* key, const json& value) {
  json body{{"model", "lm"}, {"prompt", "abc"}};
  body[key] = value;
  return body;
}
json chat_of(const json& messages) { return {{"model", "lm"}, {"messages", messages}}; }

std::string refused(const json& body, bool chat = false) {
  try {
    (void)read(body, chat);
  } catch (const deploy::Refused& e) {
    return fmt::format("{} {}", e.status(), e.what());
  }
  return "taken";
}

TEST(CompletionRequest, TakesWhatAsksForNothing) {
  const std::vector<std::pair<const char*, json>> rows{{"n", 1},
                                                       {"best_of", 1},
                                                       {"echo", false},
                                                       {"logprobs", false},
                                                       {"tools", json::array()},
                                                       {"functions", json::array()},
                                                       {"logit_bias", json::object()},
                                                       {"frequency_penalty", 0},
                                                       {"presence_penalty", 0.0},
                                                       {"response_format", {{"type", "text"}}},
                                                       {"echo", nullptr},
                                                       {"user", {{"whatever", 7}}},
                                                       {"metadata", 7}};
  for (const auto& [key, value] : rows) {
    const auto request = read(with(key, value));
    EXPECT_EQ(request.prompt, "abc") << key;
    EXPECT_FALSE(request.stream || request.stream_usage) << key;
  }
}

TEST(CompletionRequest, RefusesWhatWouldChangeTheAnswer) {
  const std::vector<std::pair<const char*, json>> rows{{"n", 2},
                                                       {"n", "1"},
                                                       {"best_of", 3},
                                                       {"echo", true},
                                                       {"logprobs", 2},
                                                       {"tools", {{{"type", "function"}}}},
                                                       {"tools", "none"},
                                                       {"functions", {1}},
                                                       {"logit_bias", {{"50256", -100}}},
                                                       {"logit_bias", 0},
                                                       {"frequency_penalty", 0.5},
                                                       {"presence_penalty", "0"},
                                                       {"response_format", {{"type", "json_object"}}},
                                                       {"response_format", {{"type", 7}}},
                                                       {"response_format", json::object()},
                                                       {"response_format", "text"},
                                                       {"suffix", "end"}};
  for (const auto& [key, value] : rows)
    EXPECT_TRUE(refused(with(key, value)).starts_with(fmt::format("400 '{}' would change the answer", key)))
        << key << " " << value << ": " << refused(with(key, value));
}

TEST(CompletionRequest, SaysWhatIsWrong) {
  const std::vector<std::pair<json, std::string>> rows{
      {with("stop", json::array()), "'stop' has 0 strings, 1 to 16 are taken"},
      {with("stop", json(std::vector<std::string>(17, "x"))), "'stop' has 17 strings"},
      {with("stop", {"a", ""}), "'stop' has an empty string"},
      {with("stop", {"a", 7}), "'stop' must be a string"},
      {with("prompt", {"a", "b"}), "'prompt' has 2 strings, 1 to 1 are taken"},
      {with("prompt", json::array()), "'prompt' has 0 strings"},
      {with("stream", 1), "'stream' must be true or false"},
      {with("stream_options", 1), "'stream_options'"},
      {with("stream_options", {{"include_usage", 1}}), "'include_usage' must be true or false"},
      {with("seed", 1.5), "'seed' must be a whole number"},
      {with("top_p", 0), "'top_p' must be a number from"},
      {with("max_tokens", 101), "'max_tokens' must be a whole number from 0 to 100"},
      {with("max_completion_tokens", 5), "'max_completion_tokens' would change"},
      {with("prompt", std::string(201, 'x')), "413 the prompt has 201 bytes, at most 200"}};
  for (const auto& [body, part] : rows)
    EXPECT_NE(refused(body).find(part), std::string::npos) << body << ": " << refused(body);
}

TEST(CompletionRequest, AStreamMayAskForUsage) {
  json body = with("stream_options", {{"include_usage", true}});
  body["stream"] = true;
  EXPECT_TRUE(read(body).stream_usage);
  EXPECT_TRUE(read(body).stream);
  EXPECT_FALSE(read(with("stream_options", {{"include_usage", false}})).stream_usage);
  EXPECT_FALSE(read(with("stream_options", json::object())).stream_usage);
}

TEST(CompletionRequest, AChatIsOnePrompt) {
  const json parts{{{"type", "text"}, {"text", "how "}}, {{"type", "text"}, {"text", "much?"}}};
  const auto request = read(chat_of({{{"role", "developer"}, {"content", "be short"}},
                                     {{"role", "user"}, {"content", "hello"}},
                                     {{"role", "assistant"}, {"content", "yes?"}},
                                     {{"role", "user"}, {"content", parts}}}),
                            true);
  EXPECT_EQ(request.prompt, "system: be short\nuser: hello\nassistant: yes?\nuser: how much?\nassistant:");
  EXPECT_EQ(request.options.stop, (std::vector<std::string>{"\nsystem:", "\nuser:", "\nassistant:"}));
}

TEST(CompletionRequest, SaysWhatIsWrongWithAChat) {
  const std::vector<std::pair<json, std::string>> rows{
      {json::array(), "a list with a message or more"},
      {"hello", "a list with a message or more"},
      {{7}, "a message"},
      {{{{"content", "a"}}}, "role"},
      {{{{"role", "robot"}, {"content", "a"}}}, "the role 'robot' is not known here"},
      {{{{"role", "user"}}}, "content"},
      {{{{"role", "user"}, {"content", 7}}}, "'content' must be a string"},
      {{{{"role", "user"}, {"content", {7}}}}, "a part of 'content'"},
      {{{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}}, "may hold text alone"},
      {{{{"role", "user"}, {"content", {{{"type", "text"}}}}}}, "text"}};
  for (const auto& [messages, part] : rows) {
    const std::string said = refused(chat_of(messages), true);
    EXPECT_TRUE(said.starts_with("400 ")) << messages << ": " << said;
    EXPECT_NE(said.find(part), std::string::npos) << messages << ": " << said;
  }
}

}  // namespace
}  // namespace tandem::testing
