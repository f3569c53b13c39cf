#include <tandem/data/text/unicode.h>
#include <tandem/deploy/completions.h>
#include <tandem/deploy/json.h>

#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string event_of(const json& j) { return "data: " + dump(j) + "\n\n"; }

json usage_of(const tasks::Generated& text) {
  return {{"prompt_tokens", text.prompt_tokens},
          {"completion_tokens", text.tokens},
          {"total_tokens", text.prompt_tokens + text.tokens}};
}

// Without the blanks that it begins with.
std::string begun(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first);
}

int64_t seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

CompletionWriter::CompletionWriter(const CompletionRequest& request, const ServedLanguage& model)
    : chat_(request.chat),
      stream_usage_(request.stream_usage),
      id_(fmt::format("{}-{:013x}{:013x}", request.chat ? "chatcmpl" : "cmpl", drawn_number(), drawn_number())),
      model_(request.model),
      digest_(model.digest()),
      seed_(request.options.seed),
      created_(seconds(std::chrono::system_clock::now())) {}

std::string CompletionWriter::whole(const tasks::Generated& text, const char* reason) const {
  json choice{{"index", 0}};
  if (chat_)
    choice["message"] = {{"role", "assistant"}, {"content", begun(text.text)}};
  else
    choice["text"] = text.text;
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = reason;
  return dump({{"id", id_},
               {"object", chat_ ? "chat.completion" : "text_completion"},
               {"created", created_},
               {"model", model_},
               {"system_fingerprint", digest_},
               {"seed", seed_},
               {"choices", json::array({choice})},
               {"usage", usage_of(text)}});
}

std::string CompletionWriter::choice_event(const std::string& piece, const char* reason) {
  json choice{{"index", 0}};
  if (chat_) {
    choice["delta"] = json::object();
    if (!begun_) choice["delta"]["role"] = "assistant";
    if (!piece.empty()) choice["delta"]["content"] = piece;
  } else {
    choice["text"] = piece;
  }
  begun_ = true;
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = reason ? json(reason) : json(nullptr);
  return event_of({{"id", id_},
                   {"object", chat_ ? "chat.completion.chunk" : "text_completion"},
                   {"created", created_},
                   {"model", model_},
                   {"system_fingerprint", digest_},
                   {"seed", seed_},
                   {"choices", json::array({choice})}});
}

std::string CompletionWriter::event(const std::string& piece) {
  const std::string said = chat_ && !begun_ ? begun(piece) : piece;
  return said.empty() ? "" : choice_event(said, nullptr);
}

std::string CompletionWriter::last_events(const tasks::Generated& text, const char* reason) {
  std::string out = choice_event("", reason);
  if (stream_usage_)
    out += event_of({{"id", id_},
                     {"object", chat_ ? "chat.completion.chunk" : "text_completion"},
                     {"created", created_},
                     {"model", model_},
                     {"choices", json::array()},
                     {"usage", usage_of(text)}});
  return out + "data: [DONE]\n\n";
}

std::string language_list(const std::vector<std::shared_ptr<const ServedLanguage>>& models) {
  json list = json::array();
  for (const auto& model : models)
    list.push_back(
        {{"id", model->id()}, {"object", "model"}, {"created", seconds(model->loaded())}, {"owned_by", "tandem"}});
  return dump({{"object", "list"}, {"data", list}});
}

std::string completion_error(int status, const std::string& message) {
  const char* type = status == 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  return dump({{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", nullptr}}}});
}

}  // namespace tandem::deploy
