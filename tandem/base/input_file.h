// A file read piece by piece.
#pragma once
#include <tandem/base/files.h>

namespace tandem {

/// A plain file that is open for reading; a file error when it is missing or no plain file.
class InputFile {
 public:
  explicit InputFile(const fs::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] uint64_t size() const { return size_; }  // when it was opened
  /// Bytes [at, at + into.size()); a file error when there are fewer. Any thread may read.
  void read(uint64_t at, std::span<uint8_t> into) const;

 private:
  fs::path path_;
  int file_ = -1;
  uint64_t size_ = 0;
};

}  // namespace tandem
