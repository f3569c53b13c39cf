// The header of a safetensors file: JSON of a narrow kind, read without building a document from it.
#pragma once
#include <tandem/base/files.h>
#include <tandem/tensor/tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::safetensors {

// What is read of a file before any memory is taken for its tensors.
inline constexpr uint64_t longest_header = uint64_t{100} << 20;  // bytes
inline constexpr size_t longest_name = 1024;                     // bytes of a tensor's name
inline constexpr size_t longest_text = size_t{1} << 22;          // bytes of any text, those of the metadata included
inline constexpr size_t most_tensors = size_t{1} << 16;
inline constexpr size_t most_texts = most_tensors + 4096;  // in the metadata: each tensor may have a checksum there

/// An element type as the file has it; half types are widened on reading.
struct Code {
  std::string_view name;
  DType type;
  int64_t bytes;
  [[nodiscard]] bool widened() const { return static_cast<int64_t>(size_of(type)) != bytes; }
};
/// Those that are read. BF16 is written too.
[[nodiscard]] std::span<const Code> codes();

struct Entry {
  std::string name;
  const Code* code = nullptr;
  Shape shape;
  int64_t begin = 0, end = 0;  // in the data, which begins behind the header
};

struct Header {
  std::vector<Entry> entries;  // in the order of the data, which they fill without a gap
  std::map<std::string, std::string> metadata;
};

/// `text` begins at byte 8 of a file with so many bytes of data. Throws a data error with field and byte offset for
/// anything but a header whose tensors fill the data.
[[nodiscard]] Header parse_header(std::string_view text, int64_t data_size, const std::string& where);

/// Whether a file has checksums, as all that tandem writes do: "tandem.sha256" in its metadata is that of all before
/// the data, with its own 64 digits as zeros, and "tandem.sha256:NAME" that of a tensor's bytes. read_safetensors()
/// verifies them. Throws as that does for a damaged header.
[[nodiscard]] bool has_checksums(const fs::path& path);

/// Throws the data error of a file that is none: "WHERE: not a valid safetensors file: TEXT".
template <class... Args>
[[noreturn]] void bad(const std::string& where, fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorKind::data, where, "not a valid safetensors file: {}", fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tandem::safetensors
