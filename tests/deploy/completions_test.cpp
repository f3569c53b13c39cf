// Language models in service: completions and chats, streams, adapters, limits.
#include <tandem/adapt/peft.h>
#include <tandem/nn/weights.h>

#include <nlohmann/json.hpp>

#include "tests/deploy/serving.h"
#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// The events of a stream: JSON each, the last one [DONE].
std::vector<json> events_of(const std::string& body) {
  std::vector<json> out;
  for (size_t at = body.find("data: "); at != std::string::npos; at = body.find("data: ", at + 1)) {
    const std::string text = body.substr(at + 6, body.find("\n\n", at) - at - 6);
    out.push_back(text == "[DONE]" ? json(text) : json::parse(text));
  }
  return out;
}

struct Completions : ::testing::Test {
  Folder folder;
  fs::path text = folder.write("text.txt", alphabet_text(60)), file = folder / "lm.safetensors";
  tasks::LanguageModel model = tiny_language_model(tiny_lstm, text, true);
  std::unique_ptr<Serving> serving;

  void SetUp() override { model.save(file); }
  void start(const deploy::WritingOptions& writing = {}, const std::vector<deploy::ModelSource>& adapters = {}) {
    deploy::ServiceOptions options;
    options.writing = writing;
    serving.reset();
    serving = std::make_unique<Serving>(std::vector<deploy::ModelSource>{}, deploy::BatchOptions{},
                                        deploy::HttpOptions{}, options, deploy::Keep::none,
                                        std::vector<deploy::ModelSource>{{"lm", "", file}}, adapters);
  }
  static std::string asks(const json& body, const std::string& path = "/v1/completions") {
    return request("POST", path, body.dump());
  }
  [[nodiscard]] json post(const json& body, const std::string& path = "/v1/completions") const {
    const Answered answer = serving->ask(asks(body, path));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json::parse(answer.body);
  }
  [[nodiscard]] std::string stream(json body, const std::string& path = "/v1/completions") const {
    body["stream"] = true;
    Client client(serving->server.port());
    (void)client.send(asks(body, path));
    return client.rest();
  }
  // Whether no text is written any more, soon.
  [[nodiscard]] bool comes_to_rest() const {
    for (int i = 0; i < 500; ++i) {
      if (serving->ask(request("GET", "/metrics")).body.find("tandem_texts 0\n") != std::string::npos) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  /// Makes an adapter of the model whose changes are not zero, and returns the model with it.
  tasks::LanguageModel adapter(const std::string& name, uint64_t seed) const {
    const adapt::Base base = adapt::Base::load(file);
    adapt::Options options;
    Fields::read(Config::parse("lora: {rank: 2, alpha: 4, layers: [linear]}", "adapt.yaml"), options, "adapt");
    tasks::LanguageModel out = model;
    out.net = adapt::adapted(base, options);
    out.build(Rng(seed, "weights"));
    adapt::transfer(base, options, out.net);
    Rng rng(seed, "adapter");
    for (auto& [at, t] : nn::named(out.net))
      if (at.find("lora_B") != std::string::npos)
        for (float& v : Tensor(t).data<float>()) v = static_cast<float>(rng.uniform() - 0.5);
    adapt::save_adapter(folder / name, base, options, out.net);
    return out;
  }
};

TEST_F(Completions, AreWhatGenerateWrites) {
  start();
  for (const uint64_t seed : {1, 7}) {
    const json said = post({{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 40}, {"seed", seed}});
    const auto right = tasks::generate(model, "abc", {.tokens = 40, .seed = seed});
    EXPECT_EQ(said["choices"][0]["text"], right.text);
    EXPECT_EQ(said["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(said["object"], "text_completion");
    EXPECT_EQ(said["model"], "lm");
    EXPECT_EQ(said["seed"], seed);
    EXPECT_EQ(said["usage"], (json{{"prompt_tokens", 3}, {"completion_tokens", 40}, {"total_tokens", 43}}));
  }
  const json options{{"model", "lm"},
                     {"prompt", {"xy"}},
                     {"max_tokens", 30},
                     {"temperature", 0.7},
                     {"top_k", 12},
                     {"top_p", 0.9},
                     {"repetition_penalty", 1.3},
                     {"seed", 3},
                     {"user", "ada"},
                     {"n", 1},
                     {"logit_bias", json::object()},
                     {"stop", nullptr}};
  EXPECT_EQ(post(options)["choices"][0]["text"],
            tasks::generate(
                model, "xy",
                {.tokens = 30, .temperature = 0.7, .top_k = 12, .top_p = 0.9, .repetition_penalty = 1.3, .seed = 3})
                .text);
  EXPECT_EQ(post({{"model", "lm"}, {"prompt", ""}, {"max_tokens", 0}})["choices"][0]["text"], "");
  const json drawn = post({{"model", "lm"}, {"prompt", "a"}, {"max_tokens", 30}});
  EXPECT_EQ(post({{"model", "lm"}, {"prompt", "a"}, {"max_tokens", 30}, {"seed", drawn["seed"]}})["choices"],
            drawn["choices"])
      << "the seed that was drawn writes it again";
  EXPECT_NE(post({{"model", "lm"}, {"prompt", "a"}, {"max_tokens", 30}})["choices"], drawn["choices"]);
}

TEST_F(Completions, EndBeforeAStopWord) {
  start();
  const std::string whole = tasks::generate(model, "abc", {.tokens = 60}).text, stop = whole.substr(20, 3);
  json body{{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 60}, {"seed", 1}, {"stop", {stop, "never"}}};
  const json said = post(body);
  EXPECT_EQ(said["choices"][0]["text"], whole.substr(0, whole.find(stop)));
  EXPECT_EQ(said["choices"][0]["finish_reason"], "stop");
  body["stop"] = stop;
  const auto events = events_of(stream(body));
  std::string streamed;
  for (const json& event : events)
    if (event.is_object()) streamed += event["choices"][0]["text"];
  EXPECT_EQ(streamed, whole.substr(0, whole.find(stop))) << "and nothing of it is shown";
}

TEST_F(Completions, AStreamSaysTheSamePieceByPiece) {
  start();
  const std::string all = stream({{"model", "lm"},
                                  {"prompt", "abc"},
                                  {"max_tokens", 40},
                                  {"seed", 7},
                                  {"stream_options", {{"include_usage", true}}}});
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << all;
  EXPECT_NE(all.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_TRUE(all.ends_with("data: [DONE]\n\n")) << all;
  const auto events = events_of(all);
  ASSERT_EQ(events.size(), 40U + 3) << "a piece a letter, the reason, the usage, the end";
  std::string streamed;
  for (size_t i = 0; i < 40; ++i) {
    streamed += events[i]["choices"][0]["text"];
    EXPECT_TRUE(events[i]["choices"][0]["finish_reason"].is_null());
    EXPECT_EQ(events[i]["id"], events[0]["id"]);
  }
  EXPECT_EQ(streamed, tasks::generate(model, "abc", {.tokens = 40, .seed = 7}).text);
  EXPECT_EQ(events[40]["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(events[41]["usage"]["completion_tokens"], 40);
  EXPECT_TRUE(events[41]["choices"].empty());
  EXPECT_EQ(events[42], "[DONE]");
}

TEST_F(Completions, AChatIsAPromptOfLines) {
  start();
  const json messages = json::array({{{"role", "system"}, {"content", "be brief"}},
                                     {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "abc"}}}}}});
  const json body{{"model", "lm"}, {"messages", messages}, {"max_completion_tokens", 30}, {"seed", 5}};
  std::string right = tasks::generate(model, "system: be brief\nuser: abc\nassistant:",
                                      {.tokens = 30, .stop = {"\nsystem:", "\nuser:", "\nassistant:"}, .seed = 5})
                          .text;
  right.erase(0, right.find_first_not_of(" \n"));
  const json said = post(body, "/v1/chat/completions");
  EXPECT_EQ(said["object"], "chat.completion");
  EXPECT_EQ(said["choices"][0]["message"], (json{{"role", "assistant"}, {"content", right}}));
  const auto events = events_of(stream(body, "/v1/chat/completions"));
  EXPECT_EQ(events[0]["object"], "chat.completion.chunk");
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  std::string streamed;
  for (const json& event : events)
    if (event.is_object()) streamed += event["choices"][0]["delta"].value("content", "");
  EXPECT_EQ(streamed, right);
}

TEST_F(Completions, ManyAtOnceAreWrittenEachByItsOwnSeed) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed)
    clients.emplace_back([&, seed] {
      const json said = post({{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 300}, {"seed", seed}});
      wrong += said["choices"][0]["text"] == tasks::generate(model, "abc", {.tokens = 300, .seed = seed}).text ? 0 : 1;
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_NE(serving->ask(request("GET", "/metrics")).body.find("tandem_tokens_total{model=\"lm\",version=\"\"} 2400\n"),
            std::string::npos);
}

TEST_F(Completions, WhatDoesNotFitIsNamed) {
  start({.most_tokens = 50, .most_prompt = 100});
  const json good{{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 3}};
  const auto with = [&](const char* key, const json& value) {
    json out = good;
    out[key] = value;
    return out;
  };
  const std::vector<std::tuple<int, json, std::string>> rows{
      {400, json::array(), "must be an object"},
      {400, {{"prompt", "a"}}, "no 'model'"},
      {400, {{"model", "lm"}}, "no 'prompt'"},
      {404, with("model", "gpt"), "GET /v1/models"},
      {400, with("prompt", {"a", "b"}), "'prompt' has 2 strings"},
      {400, with("prompt", 7), "'prompt' must be a string"},
      {413, with("prompt", std::string(101, 'a')), "101 bytes, at most 100"},
      {400, with("max_tokens", 51), "'max_tokens' must be a whole number from 0 to 50"},
      {400, with("max_tokens", 1.5), "whole number"},
      {400, with("temperature", -1), "'temperature'"},
      {400, with("top_p", 2), "'top_p'"},
      {400, with("top_k", "x"), "'top_k'"},
      {400, with("seed", -1), "'seed'"},
      {400, with("stop", ""), "empty"},
      {400, with("stream", 1), "'stream' must be true or false"},
      {400, with("n", 2), "'n' would change the answer"},
      {400, with("frequency_penalty", 0.5), "'frequency_penalty' would change the answer"},
      {400, with("logprobs", 3), "'logprobs'"},
      {400, with("max_completion_tokens", 3), "'max_completion_tokens'"},
      {400, with("wisdom", 9), "'wisdom' would change the answer and is not known"},
  };
  for (const auto& [status, body, part] : rows) {
    const Answered answer = serving->ask(asks(body));
    EXPECT_EQ(answer.status, status) << body << answer.body;
    const json error = json::parse(answer.body)["error"];
    EXPECT_NE(error["message"].get<std::string>().find(part), std::string::npos) << part << " not in " << answer.body;
    EXPECT_EQ(error["type"], "invalid_request_error");
  }
  const auto chat = [&](const json& messages) {
    return serving->ask(asks({{"model", "lm"}, {"messages", messages}}, "/v1/chat/completions")).status;
  };
  EXPECT_EQ(chat(json::array()), 400);
  EXPECT_EQ(chat(json::array({{{"role", "tool"}, {"content", "a"}}})), 400);
  EXPECT_EQ(chat(json::array({{{"role", "user"}}})), 400);
  EXPECT_EQ(chat(json::array({{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}})), 400);
  EXPECT_EQ(serving->ask(request("POST", "/v1/completions", std::string(60'000, '['))).status, 400);
  EXPECT_EQ(serving->ask(request("POST", "/v2/models/lm/infer", "{}")).status, 404);
  EXPECT_EQ(post(good)["choices"].size(), 1U) << "it lives";
}

TEST_F(Completions, NoMoreThanSoManyAtOnceAndWhoGoesAwayMakesRoom) {
  start({.texts = 1, .most_tokens = 100'000'000});
  json body{{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 100'000'000}, {"stream", true}};
  const auto few = asks({{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 3}});
  {
    Client endless(serving->server.port());
    (void)endless.send(asks(body));
    EXPECT_EQ(endless.receive().status, 200);
    const Answered refused = serving->ask(few);
    EXPECT_EQ(refused.status, 429);
    EXPECT_NE(refused.header.find("Retry-After"), std::string::npos);
    EXPECT_EQ(json::parse(refused.body)["error"]["type"], "rate_limit_error");
  }
  EXPECT_TRUE(comes_to_rest()) << "the reader of a stream has gone";
  body["stream"] = false;
  {
    Client waiting(serving->server.port());
    (void)waiting.send(asks(body));
    while (serving->ask(few).status != 429) std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(comes_to_rest()) << "the one who waited for the whole has gone";
  EXPECT_EQ(serving->ask(few).status, 200);
}

TEST_F(Completions, ATextEndsWhenItsTimeIsUp) {
  start({.time = 50ms, .most_tokens = 100'000'000});
  const json said = post({{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 100'000'000}});
  EXPECT_EQ(said["choices"][0]["finish_reason"], "length");
  EXPECT_GT(said["usage"]["completion_tokens"], 0);
  EXPECT_LT(said["usage"]["completion_tokens"], 100'000'000);
}

TEST_F(Completions, AStreamThatBeganIsWrittenToItsEndWhileTheServerEnds) {
  start();
  Client client(serving->server.port());
  (void)client.send(asks({{"model", "lm"}, {"prompt", "abc"}, {"max_tokens", 3000}, {"stream", true}}));
  EXPECT_EQ(client.receive().status, 200);
  serving->server.stop();
  EXPECT_TRUE(client.rest().ends_with("data: [DONE]\n\n"));
}

TEST_F(Completions, AdaptersAreChosenByName) {
  const tasks::LanguageModel poet = adapter("poet", 1), clerk = adapter("clerk", 2);
  start({}, {{"lm", "poet", folder / "poet"}, {"lm", "clerk", folder / "clerk"}});
  const auto says = [&](const std::string& name) {
    return post({{"model", name}, {"prompt", "abc"}, {"max_tokens", 40}, {"seed", 1}})["choices"][0]["text"]
        .get<std::string>();
  };
  const auto merged = [&](const tasks::LanguageModel& of) {
    tasks::LanguageModel out = of;
    out.net = adapt::merged(of.net);
    return tasks::generate(out, "abc", {.tokens = 40}).text;
  };
  EXPECT_EQ(says("lm"), tasks::generate(model, "abc", {.tokens = 40}).text);
  EXPECT_EQ(says("lm:poet"), merged(poet));
  EXPECT_EQ(says("lm:clerk"), merged(clerk));
  EXPECT_NE(says("lm:poet"), says("lm"));
  EXPECT_NE(says("lm:poet"), says("lm:clerk"));
  std::vector<std::string> names;
  const json list = json::parse(serving->ask(request("GET", "/v1/models")).body);
  for (const json& each : list["data"]) names.push_back(each["id"]);
  EXPECT_EQ(names, (std::vector<std::string>{"lm", "lm:poet", "lm:clerk"}));
}

TEST_F(Completions, AnAdapterOfAnotherBaseIsRefused) {
  (void)adapter("poet", 1);
  tiny_language_model(tiny_lstm, text, true, 8, 9).save(folder / "other.safetensors");
  deploy::Metrics metrics;
  const std::vector<deploy::ModelSource> other{{"other", "", folder / "other.safetensors"}}, lm{{"lm", "", file}};
  expect_error(ErrorKind::data, {"poet", "another base"}, [&] {
    deploy::Languages(other, {{"other", "poet", folder / "poet"}}, metrics);
  });
  expect_error(ErrorKind::usage, {"--adapter", "NAME:ADAPTER=FOLDER"}, [&] {
    deploy::Languages(lm, {{"other", "poet", folder / "poet"}}, metrics);
  });
  expect_error(ErrorKind::usage, {"two language models are lm:poet"}, [&] {
    deploy::Languages(lm, {{"lm", "poet", folder / "poet"}, {"lm", "poet", folder / "poet"}}, metrics);
  });
}

TEST_F(Completions, ANewModelGoesLiveWithItsAdaptersOrNotAtAll) {
  (void)adapter("poet", 1);
  start({}, {{"lm", "poet", folder / "poet"}});
  const auto load = [&] { return serving->ask(request("POST", "/v2/repository/models/lm/load")); };
  const auto says = [&](const char* name) {
    return post({{"model", name}, {"prompt", "abc"}, {"max_tokens", 20}, {"seed", 1}})["choices"];
  };
  const json before = says("lm"), poet = says("lm:poet");
  EXPECT_EQ(load().body, R"({"reloaded":0})");
  model = tiny_language_model(tiny_lstm, text, true, 8, 9);
  model.save(file);
  EXPECT_EQ(load().status, 409) << "the adapter is of the base before";
  EXPECT_EQ(says("lm"), before);
  EXPECT_EQ(says("lm:poet"), poet);
  (void)adapter("poet", 1);
  EXPECT_EQ(load().body, R"({"reloaded":2})");
  EXPECT_EQ(says("lm")[0]["text"], tasks::generate(model, "abc", {.tokens = 20}).text);
}

}  // namespace
}  // namespace tandem::testing
