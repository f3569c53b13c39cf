// What a client of OpenAI's completions or chat completions asks, as far as a language model of Tandem can follow it.
// https://platform.openai.com/docs/api-reference/completions and …/chat
//
// A chat becomes the prompt "system: …\nuser: …\nassistant:", a line for each message; the answer ends where the model
// begins a line for somebody else.
#pragma once
#include <tandem/tasks/generation.h>

#include <cstdint>
#include <string>
#include <string_view>

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
/// A number at random that JSON keeps whole.
[[nodiscard]] uint64_t drawn_number();

}  // namespace tandem::deploy
