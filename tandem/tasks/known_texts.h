// Texts with their vectors, kept in a file: what new texts are compared with.
#pragma once
#include <tandem/base/files.h>
#include <tandem/evaluate/nearest.h>
#include <tandem/tasks/text_encoder.h>

#include <string>
#include <vector>

namespace tandem::tasks {

struct KnownTexts {
  data::Texts texts;
  Tensor vectors;       // (texts, width) float32
  std::string encoder;  // fingerprint of what made them

  [[nodiscard]] static KnownTexts of(const TextEncoder& encoder, data::Texts texts);
  /// One safetensors file: `vectors`, and the texts as bytes.
  void save(const fs::path& path) const;
  /// Throws a data error when the file is damaged, or when another network made its vectors: they say nothing beside
  /// those of `encoder`.
  [[nodiscard]] static KnownTexts load(const fs::path& path, const TextEncoder& encoder);
};

}  // namespace tandem::tasks
