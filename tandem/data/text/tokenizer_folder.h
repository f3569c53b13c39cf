// Tokenizers in the files that other programs leave beside a network, as the Hugging Face hub has them.
#pragma once
#include <tandem/data/text/tokenizer.h>

namespace tandem::data {

/// `type` is "byte_bpe" (tokenizer.json, or vocab.json and merges.txt) or "wordpiece" (tokenizer.json, or vocab.txt);
/// tokenizer_config.json may stand beside them. Throws a file error when they are missing, a data error when they are
/// damaged or ask for what this type does not do.
[[nodiscard]] Tokenizer read_tokenizer(const fs::path& folder, const std::string& type);

}  // namespace tandem::data
