// The answers of OpenAI's completions and chat completions: at once, or event by event. Blanks that an answer begins
// with are dropped.
#pragma once
#include <tandem/deploy/completion_request.h>
#include <tandem/deploy/languages.h>

#include <memory>
#include <string>
#include <vector>

namespace tandem::deploy {

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
