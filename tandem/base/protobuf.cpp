#include <tandem/base/error.h>
#include <tandem/base/protobuf.h>

#include <bit>
#include <cstring>

namespace tandem::protobuf {
namespace {

enum Kind { varint_kind = 0, fixed64_kind = 1, length_kind = 2, fixed32_kind = 5 };

[[noreturn]] void damaged(const std::string& where) {
  fail(ErrorKind::data, where, "is no message of Protocol Buffers: the file is damaged, or of another kind");
}

// Takes a number of 7 bits a byte, the lowest first, off the front.
uint64_t take_varint(std::string_view& bytes, const std::string& where) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) damaged(where);
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  damaged(where);
}

std::string_view take(std::string_view& bytes, uint64_t count, const std::string& where) {
  if (count > bytes.size()) damaged(where);
  const std::string_view out = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return out;
}

uint64_t fixed(std::string_view bytes) {
  uint64_t out = 0;
  std::memcpy(&out, bytes.data(), bytes.size());
  return out;
}

}  // namespace

void Message::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}

Message& Message::number(int field, int64_t value) {
  varint(static_cast<uint64_t>(field) << 3 | varint_kind);
  varint(static_cast<uint64_t>(value));
  return *this;
}

Message& Message::real(int field, float value) {
  varint(static_cast<uint64_t>(field) << 3 | fixed32_kind);
  const auto bits = std::bit_cast<uint32_t>(value);
  bytes_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  return *this;
}

Message& Message::text(int field, std::string_view bytes) {
  varint(static_cast<uint64_t>(field) << 3 | length_kind);
  varint(bytes.size());
  bytes_.append(bytes);
  return *this;
}

std::vector<Field> fields_of(std::string_view message, const std::string& where) {
  std::vector<Field> out;
  while (!message.empty()) {
    const uint64_t key = take_varint(message, where);
    if (key >> 3 == 0 || key >> 3 > (1U << 29) - 1) damaged(where);
    Field field{static_cast<int>(key >> 3)};
    switch (key & 7) {
      case varint_kind: field.number = take_varint(message, where); break;
      case fixed64_kind: field.number = fixed(take(message, 8, where)); break;
      case fixed32_kind: field.number = fixed(take(message, 4, where)); break;
      case length_kind: field.bytes = take(message, take_varint(message, where), where); break;
      default: damaged(where);
    }
    out.push_back(field);
  }
  return out;
}

std::vector<int64_t> packed_numbers(std::string_view bytes, const std::string& where) {
  std::vector<int64_t> out;
  while (!bytes.empty()) out.push_back(static_cast<int64_t>(take_varint(bytes, where)));
  return out;
}

}  // namespace tandem::protobuf
