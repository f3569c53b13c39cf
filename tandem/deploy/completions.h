// The bodies of OpenAI's completions and chat completions, as far as a language model of Tandem can follow them.
// https://platform.openai.com/docs/api-reference/completions and …/chat
//
// A chat becomes the prompt "system: …\nuser: …\nassistant:", a line for each message; the answer ends where the model
// begins a line for somebody else. Blanks before it are dropped.
#pragma once
#include <tandem/deploy/http.h>
#include <tandem/deploy/languages.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::deploy {

struct CompletionRequest {
  bool chat = false;
  std::string model;
  std::string prompt;
  tasks::GenerationOptions options;
  bool stream = false, stream_usage = false;
};

/// Reads a body. Throws Refused: 400 for what is malformed, out of range, or would change the answer and is not known
/// here; 413 for a prompt of more than `most_prompt` bytes.
[[nodiscard]] CompletionRequest read_completion(std::string_view body, bool chat, int64_t most_tokens,
                                                int64_t most_prompt);

/// Writes the answer to a request: at once, or event by event. `reason`: stop or length.
class CompletionWriter {
 public:
  CompletionWriter(const CompletionRequest& request, const ServedLanguage& model);

  [[nodiscard]] std::string whole(const tasks::Generated& text, const char* reason) const;
  /// Events; "" when the piece says nothing yet.
  [[nodiscard]] std::string event(const std::string& piece);
  [[nodiscard]] std::string last_events(const tasks::Generated& text, const char* reason);

 private:
  [[nodiscard]] std::string choice_event(const std::string& piece, const char* reason);

  bool chat_, stream_usage_;
  std::string id_, model_, digest_;
  uint64_t seed_;
  int64_t created_;
  bool begun_ = false;  // something but blanks was said; the role was told
};

[[nodiscard]] std::string language_list(const std::vector<std::shared_ptr<const ServedLanguage>>& models);
/// An error as clients of these paths read it.
[[nodiscard]] std::string completion_error(int status, const std::string& message);

}  // namespace tandem::deploy
