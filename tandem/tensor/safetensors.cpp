#include <tandem/base/checked.h>
#include <tandem/tensor/safetensors.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem {
namespace {

using json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian numbers");

constexpr uint64_t largest_header = uint64_t{100} << 20;
constexpr size_t longest_name = 1024;
constexpr size_t most_tensors = 1 << 20;

template <class... Args>
[[noreturn]] void bad(const std::string& where, fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorKind::data, where, "not a valid safetensors file: {}", fmt::format(text, std::forward<Args>(args)...));
}

const char* code_of(DType type) {
  switch (type) {
    case DType::f32: return "F32";
    case DType::f64: return "F64";
    case DType::bf16: return "BF16";
    case DType::i32: return "I32";
    case DType::i64: return "I64";
    case DType::u8: return "U8";
  }
  return "";
}

// Half-precision types are widened on reading.
enum class Stored { plain, f16, bf16 };
struct Code {
  DType type;
  Stored stored;
  int64_t bytes;
};

Code parse_code(const std::string& code, const std::string& where, const std::string& name) {
  for (const DType type : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8})
    if (code == code_of(type)) return {type, Stored::plain, static_cast<int64_t>(size_of(type))};
  if (code == "F16") return {DType::f32, Stored::f16, 2};
  if (code == "BF16") return {DType::f32, Stored::bf16, 2};
  bad(where, "tensor '{}' has dtype '{}', expected F32, F64, F16, BF16, I32, I64 or U8", name, code);
}

float widen_f16(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000U) << 16;
  const uint32_t exponent = (h >> 10) & 31U, fraction = h & 1023U;
  if (exponent == 0)
    return std::bit_cast<float>(sign) + (sign ? -1.0F : 1.0F) * static_cast<float>(fraction) * 0x1.0p-24F;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

struct Entry {
  std::string name;
  Code code;
  Shape shape;
  int64_t begin, end;
};

Entry parse_entry(const std::string& name, const json& value, int64_t data_size, const std::string& where) {
  if (name.empty() || name.size() > longest_name)
    bad(where, "a tensor name has {} bytes, expected 1 to {}", name.size(), longest_name);
  if (!value.is_object()) bad(where, "entry '{}' is no object", name);
  for (const auto& [key, unused] : value.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      bad(where, "entry '{}' has unknown key '{}'", name, key);
  if (!value.contains("dtype") || !value["dtype"].is_string()) bad(where, "entry '{}' has no dtype", name);
  if (!value.contains("shape") || !value["shape"].is_array()) bad(where, "entry '{}' has no shape", name);
  if (!value.contains("data_offsets") || !value["data_offsets"].is_array() || value["data_offsets"].size() != 2)
    bad(where, "entry '{}' has no pair of data_offsets", name);
  const Code code = parse_code(value["dtype"].get<std::string>(), where, name);
  const auto whole = [&](const json& number, const char* what) {
    if (!number.is_number_integer() || (number.is_number_unsigned() && number.get<uint64_t>() > uint64_t{1} << 62) ||
        number.get<int64_t>() < 0)
      bad(where, "entry '{}': {} is not a whole number of 0 or more", name, what);
    return number.get<int64_t>();
  };
  if (value["shape"].size() > Shape::max_rank)
    bad(where, "entry '{}' has {} axes, at most {} are read", name, value["shape"].size(), Shape::max_rank);
  std::vector<int64_t> sizes;
  for (const auto& size : value["shape"]) sizes.push_back(whole(size, "a size in shape"));
  int64_t elements = 1;
  try {
    for (const int64_t size : sizes) elements = checked_mul(elements, size, name);
    elements = checked_mul(elements, code.bytes, name);
    const Entry out{name, code, Shape(sizes), whole(value["data_offsets"][0], "data_offsets"),
                    whole(value["data_offsets"][1], "data_offsets")};
    if (out.begin > out.end || out.end > data_size)
      bad(where, "tensor '{}' lies at {} to {}, outside the {} bytes of data", name, out.begin, out.end, data_size);
    if (out.end - out.begin != elements)
      bad(where, "tensor '{}' of shape {} needs {} bytes but its offsets span {}", name, out.shape, elements,
          out.end - out.begin);
    return out;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::data && std::string_view(e.what()).find("not a valid") != std::string_view::npos) throw;
    bad(where, "tensor '{}' has an impossible shape ({})", name, e.what());
  }
}

Tensor take(const Entry& entry, const uint8_t* data) {
  Tensor out = Tensor::empty(entry.shape, entry.code.type);
  const uint8_t* from = data + entry.begin;
  if (entry.code.stored == Stored::plain) {
    std::memcpy(out.bytes(), from, out.byte_count());
    return out;
  }
  for (float& value : out.data<float>()) {
    uint16_t bits = 0;
    std::memcpy(&bits, from, 2);
    from += 2;
    value =
        entry.code.stored == Stored::f16 ? widen_f16(bits) : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
  return out;
}

// nlohmann's parser keeps the last of two equal keys; a model file with a name twice is refused instead.
json parse_header(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > 8) bad(where, "the header is nested deeper than 8 levels");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      bad(where, "name '{}' stands twice in the header", parsed.get<std::string>());
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception& e) {
    bad(where, "the header is no JSON ({})", e.what());
  }
}

}  // namespace

Tensor TensorFile::find(const std::string& name) const {
  const auto found = std::ranges::find(tensors, name, [](const auto& entry) { return entry.first; });
  return found == tensors.end() ? Tensor{} : found->second;
}

TensorFile parse_safetensors(std::span<const uint8_t> bytes, const std::string& where) {
  if (bytes.size() < 8) bad(where, "it has {} bytes, expected at least 8", bytes.size());
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  if (header_size > largest_header || header_size > bytes.size() - 8)
    bad(where, "the header at byte 0 claims {} bytes, the file has {}", header_size, bytes.size() - 8);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_size);
  // Depth before parsing: the parser itself must not be made to recurse.
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        quoted = false;
      continue;
    }
    if (text[i] == '"') quoted = true;
    if (text[i] == '{' || text[i] == '[') ++depth;
    if (text[i] == '}' || text[i] == ']') --depth;
    if (depth > 8) bad(where, "the header at byte {} is nested deeper than 8 levels", i + 8);
  }
  const json header = parse_header(text, where);
  if (!header.is_object()) bad(where, "the header is no JSON object");
  if (header.size() > most_tensors)
    bad(where, "the header has {} entries, at most {} are read", header.size(), most_tensors);

  TensorFile out;
  std::vector<Entry> entries;
  const auto data_size = static_cast<int64_t>(bytes.size() - 8 - header_size);
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(name, value, data_size, where));
      continue;
    }
    if (!value.is_object()) bad(where, "__metadata__ is no object");
    for (const auto& [key, text_value] : value.items()) {
      if (!text_value.is_string()) bad(where, "__metadata__ '{}' is no string", key);
      out.metadata[key] = text_value.get<std::string>();
    }
  }
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  int64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      bad(where, "tensor '{}' starts at {} of the data, expected {}: tensors overlap or leave a gap", entry.name,
          entry.begin, at);
    at = entry.end;
  }
  if (at != data_size) bad(where, "the tensors end at {} of the data, which has {} bytes", at, data_size);
  for (const Entry& entry : entries) out.tensors.emplace_back(entry.name, take(entry, bytes.data() + 8 + header_size));
  return out;
}

TensorFile read_safetensors(const fs::path& path) { return parse_safetensors(read_file(path), path.string()); }

std::vector<uint8_t> format_safetensors(const TensorFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  int64_t at = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const auto size = static_cast<int64_t>(tensor.byte_count());
    if (name.empty() || name.size() > longest_name || name == "__metadata__" || header.contains(name) ||
        !tensor.defined())
      fail("safetensors", "tensor '{}' cannot be written: it needs a value and a name of its own with 1 to {} bytes",
           name, longest_name);
    header[name] = {{"dtype", code_of(tensor.dtype())},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {at, at + size}}};
    at += size;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception& e) {
    fail(ErrorKind::data, "safetensors", "a name or metadata text is no valid UTF-8 ({})", e.what());
  }
  text.append((64 - (text.size() + 8) % 64) % 64, ' ');
  std::vector<uint8_t> bytes(8 + text.size() + static_cast<size_t>(at));
  const uint64_t size = text.size();
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  uint8_t* into = bytes.data() + 8 + text.size();
  for (const auto& [name, tensor] : file.tensors) {
    std::memcpy(into, tensor.bytes(), tensor.byte_count());
    into += tensor.byte_count();
  }
  return bytes;
}

void write_safetensors(const fs::path& path, const TensorFile& file) { write_file(path, format_safetensors(file)); }

}  // namespace tandem
