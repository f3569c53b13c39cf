// The wire format of Protocol Buffers, as far as ONNX and SentencePiece files use it
// (protobuf.dev/programming-guides/encoding): a message is a list of fields, each a number that says which and how, and
// a value. docs/dependencies.md says why it is our own.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::protobuf {

/// A message as it is written. Fields may come in any order and more than once; a list is a field for each entry.
class Message {
 public:
  Message& number(int field, int64_t value);
  Message& real(int field, float value);
  Message& text(int field, std::string_view bytes);
  Message& part(int field, const Message& message) { return text(field, message.bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value);
  std::string bytes_;
};

/// A field as it is read: `number` of a varint or the bits of a fixed size, `bytes` of text, parts and packed lists.
struct Field {
  int field = 0;
  uint64_t number = 0;
  std::string_view bytes = {};
};
/// The fields of a message, in order; they look into `message`. Throws a data error naming `where` for bytes that are
/// no message.
[[nodiscard]] std::vector<Field> fields_of(std::string_view message, const std::string& where);
/// The numbers of a packed list of varints.
[[nodiscard]] std::vector<int64_t> packed_numbers(std::string_view bytes, const std::string& where);

}  // namespace tandem::protobuf
