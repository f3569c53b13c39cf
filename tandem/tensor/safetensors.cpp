#include <tandem/base/checksum.h>
#include <tandem/base/input_file.h>
#include <tandem/base/json_text.h>
#include <tandem/tensor/safetensors.h>
#include <tandem/tensor/safetensors_header.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <set>

namespace tandem {
namespace {

using safetensors::bad;
using safetensors::Entry;

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian numbers");

// SHA-256, since it is at hand (OpenSSL), everyone can check it with other tools, and a processor with instructions for
// it makes some 1.5 GB a second, more than most disks give. The checksum of the whole is that of all before the data,
// with its own digits as zeros: the checksums of the tensors stand there, so that no byte is left out or summed twice.
const std::string file_sum = "tandem.sha256", tensor_sum = "tandem.sha256:";
const std::string zeros(64, '0');
constexpr size_t alignment = 64;

/// Bytes [at, at + size) of a file.
using Fill = std::function<void(uint64_t at, std::span<uint8_t> into)>;

std::span<uint8_t> bytes_of(const Tensor& t) { return {static_cast<uint8_t*>(t.bytes()), t.byte_count()}; }

float widen_f16(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000U) << 16;
  const uint32_t exponent = (h >> 10) & 31U, fraction = h & 1023U;
  if (exponent == 0)
    return std::bit_cast<float>(sign) + (sign ? -1.0F : 1.0F) * static_cast<float>(fraction) * 0x1.0p-24F;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

Tensor take(const Entry& entry, uint64_t data, const Fill& fill, const std::string* sum, const std::string& where) {
  const auto verify = [&](std::span<const uint8_t> bytes) {
    if (sum != nullptr && sha256(bytes) != *sum)
      bad(where, "tensor '{}' is damaged: the {} bytes from {} on do not have the checksum that the header gives",
          entry.name, bytes.size(), data + static_cast<uint64_t>(entry.begin));
  };
  const uint64_t at = data + static_cast<uint64_t>(entry.begin);
  if (!entry.code->widened()) {
    Tensor out = Tensor::empty(entry.shape, entry.code->type);
    fill(at, bytes_of(out));
    verify(bytes_of(out));
    return out;
  }
  std::vector<uint8_t> narrow(static_cast<size_t>(entry.end - entry.begin));
  fill(at, narrow);
  verify(narrow);
  Tensor out = Tensor::empty(entry.shape, entry.code->type);
  const uint8_t* from = narrow.data();
  for (float& value : out.data<float>()) {
    uint16_t bits = 0;
    std::memcpy(&bits, from, 2);
    from += 2;
    value = entry.code->name == "F16" ? widen_f16(bits) : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
  return out;
}

/// Where in the bytes before the data the digits of their own checksum stand; empty when there are none.
std::span<uint8_t> own_digits(std::span<uint8_t> front) {
  const std::string key = '"' + file_sum + R"(":")";  // no other text can hold this: its quotes would be escaped
  const auto found = std::search(front.begin(), front.end(), key.begin(), key.end());
  if (front.end() - found < std::ssize(key) + std::ssize(zeros)) return {};
  return front.subspan(static_cast<size_t>(found - front.begin()) + key.size(), zeros.size());
}

// All before the data, and what it says.
struct Front {
  std::vector<uint8_t> bytes;
  safetensors::Header header;
};

Front read_front(uint64_t size, const Fill& fill, const std::string& where) {
  if (size < 8) bad(where, "it has {} bytes, expected at least 8", size);
  uint64_t header_size = 0;
  fill(0, {reinterpret_cast<uint8_t*>(&header_size), 8});
  if (header_size > safetensors::longest_header || header_size > size - 8)
    bad(where, "the header at byte 0 claims {} bytes, the file has {} and at most {} are read", header_size, size - 8,
        safetensors::longest_header);
  Front out{std::vector<uint8_t>(8 + header_size), {}};
  fill(0, out.bytes);
  const std::string_view text(reinterpret_cast<const char*>(out.bytes.data()) + 8, header_size);
  out.header = safetensors::parse_header(text, static_cast<int64_t>(size - 8 - header_size), where);
  return out;
}

TensorFile read(uint64_t size, const Fill& fill, const std::string& where) {
  auto [front, header] = read_front(size, fill, where);
  const uint64_t data = front.size();
  TensorFile out;
  std::map<std::string, std::string> sums;  // by tensor
  std::string whole;
  bool checked = false;
  for (auto& [key, value] : header.metadata)
    if (key == file_sum)
      whole = value, checked = true;
    else if (key.starts_with(tensor_sum))
      sums.emplace(key.substr(tensor_sum.size()), value);
    else
      out.metadata.emplace(key, std::move(value));
  if (const auto own = own_digits(front); !own.empty()) std::ranges::copy(zeros, own.begin());
  if (checked && sha256(front) != whole)
    bad(where,
        "the header, bytes 0 to {}, does not have the checksum in its '{}': the file is damaged, or was changed "
        "by a program that kept the checksums of what was there before",
        front.size(), file_sum);
  if (!checked && !sums.empty()) bad(where, "it has checksums of tensors but no '{}' of the whole", file_sum);
  if (checked && sums.size() != header.entries.size())
    bad(where, "it has {} tensors and {} checksums of tensors", header.entries.size(), sums.size());
  front = {};
  for (const Entry& entry : header.entries) {
    const auto sum = sums.find(entry.name);
    if (checked && sum == sums.end()) bad(where, "tensor '{}' has no checksum, but others have", entry.name);
    out.tensors.emplace_back(entry.name, take(entry, data, fill, checked ? &sum->second : nullptr, where));
  }
  return out;
}

}  // namespace

Tensor TensorFile::find(const std::string& name) const {
  const auto found = std::ranges::find(tensors, name, [](const auto& entry) { return entry.first; });
  return found == tensors.end() ? Tensor{} : found->second;
}

TensorFile parse_safetensors(std::span<const uint8_t> bytes, const std::string& where) {
  const auto fill = [&](uint64_t at, std::span<uint8_t> into) {
    std::ranges::copy(bytes.subspan(at, into.size()), into.begin());
  };
  return read(bytes.size(), fill, where);
}

TensorFile read_safetensors(const fs::path& path) {
  const InputFile file(path);
  return read(
      file.size(), [&](uint64_t at, std::span<uint8_t> into) { file.read(at, into); }, path.string());
}

bool safetensors::has_checksums(const fs::path& path) {
  const InputFile file(path);
  const auto fill = [&](uint64_t at, std::span<uint8_t> into) { file.read(at, into); };
  return read_front(file.size(), fill, path.string()).header.metadata.contains(file_sum);
}

std::vector<uint8_t> format_safetensors(const TensorFile& file) {
  std::string tensors;
  std::set<std::string_view> names;
  std::map<std::string, std::string> metadata = file.metadata;
  metadata[file_sum] = zeros;
  int64_t at = 0;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.empty() || name.size() > safetensors::longest_name || name == "__metadata__" || !tensor.defined() ||
        !names.insert(name).second)
      fail("safetensors", "tensor '{}' cannot be written: it needs a value and a name of its own with 1 to {} bytes",
           name, safetensors::longest_name);
    const auto size = static_cast<int64_t>(tensor.byte_count());
    const auto code = std::ranges::find_if(
        safetensors::codes(), [type = tensor.dtype()](const auto& c) { return c.type == type && !c.widened(); });
    tensors += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                           json_text(name, "safetensors"), tensor.dtype() == DType::bf16 ? "BF16" : code->name,
                           fmt::join(tensor.shape().begin(), tensor.shape().end(), ","), at, at + size);
    metadata[tensor_sum + name] = sha256(bytes_of(tensor));
    at += size;
  }
  for (const auto& [key, value] : file.metadata)
    if (key.starts_with(file_sum))
      fail("safetensors", "metadata '{}' cannot be written: the checksums stand under that name", key);
    else if (value.size() > safetensors::longest_text)
      fail(ErrorKind::data, "safetensors", "metadata '{}' has {} bytes, more than {} could not be read back", key,
           value.size(), safetensors::longest_text);
  if (file.tensors.size() > safetensors::most_tensors)
    fail("safetensors", "{} tensors cannot be written, at most {} are read back", file.tensors.size(),
         safetensors::most_tensors);
  std::string text;
  for (const auto& [key, value] : metadata)
    text +=
        fmt::format("{}{}:{}", text.empty() ? "" : ",", json_text(key, "safetensors"), json_text(value, "safetensors"));
  text = fmt::format(R"({{"__metadata__":{{{}}}{}}})", text, tensors);
  text.append((alignment - (text.size() + 8) % alignment) % alignment, ' ');
  const uint64_t size = text.size();
  std::vector<uint8_t> bytes(8 + text.size());
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::ranges::copy(sha256(bytes), own_digits(bytes).begin());
  bytes.reserve(bytes.size() + static_cast<size_t>(at));
  for (const auto& [name, tensor] : file.tensors) {
    const auto from = bytes_of(tensor);
    bytes.insert(bytes.end(), from.begin(), from.end());
  }
  return bytes;
}

void write_safetensors(const fs::path& path, const TensorFile& file) { write_file(path, format_safetensors(file)); }

}  // namespace tandem
