#include <tandem/base/checked.h>
#include <tandem/data/formats/npy.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

namespace tandem::data {
namespace {

static_assert(std::endian::native == std::endian::little, "NPY elements are copied as they lie");

constexpr std::string_view magic = "\x93NUMPY";
constexpr uint64_t max_npy_bytes = uint64_t{1} << 36;

struct Descr {
  std::string_view text;
  DType type;
};
constexpr Descr descrs[] = {
    {"|u1", DType::u8}, {"<i4", DType::i32}, {"<i8", DType::i64}, {"<f4", DType::f32}, {"<f8", DType::f64}};

/// Reads the header, a Python dictionary literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderReader {
 public:
  HeaderReader(std::string_view text, size_t offset, std::string_view where)
      : text_(text), offset_(offset), where_(where) {}

  std::string descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;

  void read() {
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        if (peek() != '\'' && peek() != '"') wrong("a plain element type in quotes (records are not read)");
        descr = quoted();
      } else if (key == "fortran_order") {
        fortran_order = boolean();
      } else if (key == "shape") {
        shape = tuple();
      } else {
        wrong("one of the keys descr, fortran_order, shape, not '" + key + "'");
      }
      if (!accept(',') && peek() != '}') wrong("',' or '}'");
    }
    if (descr.empty() || !fortran_order || !shape) wrong("the keys descr, fortran_order and shape");
  }

 private:
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) wrong(std::string("'") + c + "'");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') wrong("a quoted string");
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) wrong("a closing quote");
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    peek();
    for (const bool value : {false, true}) {
      const std::string_view name = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(name)) continue;
      at_ += name.size();
      return value;
    }
    wrong("True or False");
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) wrong("a size of 0 or more");
      at_ = static_cast<size_t>(end - text_.data());
      sizes.push_back(size);
      if (!accept(',') && peek() != ')') wrong("',' or ')'");
    }
    return sizes;
  }
  [[noreturn]] void wrong(const std::string& expected) const {
    fail(ErrorKind::data, where_, "NPY header at byte {}: expected {}", offset_ + at_, expected);
  }

  std::string_view text_;
  size_t offset_;
  std::string_view where_;
  size_t at_ = 0;
};

}  // namespace

Tensor parse_npy(std::span<const uint8_t> bytes, std::string_view where) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!all.starts_with(magic) || bytes.size() < 10)
    fail(ErrorKind::data, where, "is not NPY: expected the bytes 93 'NUMPY' and a version at offset 0 ({} bytes given)",
         bytes.size());
  const int version = bytes[6];
  if (version < 1 || version > 3)
    fail(ErrorKind::data, where, "is NPY version {}.{}; versions 1, 2 and 3 are read", version, bytes[7]);
  const size_t start = version == 1 ? 10 : 12;
  size_t length = bytes[8] | size_t{bytes[9]} << 8;
  if (version > 1 && bytes.size() >= start) length |= size_t{bytes[10]} << 16 | size_t{bytes[11]} << 24;
  if (bytes.size() < start || length > bytes.size() - start)
    fail(ErrorKind::data, where, "is cut short in its header: it has {} bytes from offset {}, the file ends at {}",
         length, start, bytes.size());

  HeaderReader header(all.substr(start, length), start, where);
  header.read();
  const auto* found = std::ranges::find(descrs, header.descr, &Descr::text);
  if (found == std::end(descrs))
    fail(ErrorKind::data, where,
         "holds elements of type '{}'; |u1, <i4, <i8, <f4 and <f8 are read: convert with astype", header.descr);
  if (*header.fortran_order && header.shape->size() > 1)
    fail(ErrorKind::data, where, "is in Fortran order; C order is read: save numpy.ascontiguousarray(…)");
  if (header.shape->size() > Shape::max_rank)
    fail(ErrorKind::data, where, "has {} axes, at most {} are read", header.shape->size(), Shape::max_rank);
  const auto element = static_cast<int64_t>(size_of(found->type));
  int64_t room = element;  // an empty axis must not hide an overflow of the others
  for (const int64_t size : *header.shape)
    room = checked_mul(room, std::max<int64_t>(size, 1), fmt::format("{}: NPY shape", where));
  const Shape shape(*header.shape);
  const int64_t need = shape.numel() * element;
  const size_t begin = start + length;
  const auto have = static_cast<int64_t>(bytes.size() - begin);
  if (have != need)
    fail(ErrorKind::data, where, "shape {} of {} needs {} bytes after offset {}, got {}: the file is {}", shape,
         name_of(found->type), need, begin, have, have < need ? "cut short" : "too long");
  Tensor out = Tensor::empty(shape, found->type);
  if (need > 0) std::memcpy(out.bytes(), bytes.data() + begin, static_cast<size_t>(need));
  return out;
}

Tensor read_npy(const fs::path& path) { return parse_npy(read_file(path, max_npy_bytes), path.string()); }

void write_npy(const fs::path& path, const Tensor& tensor) {
  if (!tensor.defined()) fail("write_npy", "the tensor for {} has no data", path.string());
  std::string shape;
  for (const int64_t size : tensor.shape()) shape += fmt::format("{},", size);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   std::ranges::find(descrs, tensor.dtype(), &Descr::type)->text, shape);
  header.append(63 - (10 + header.size()) % 64, ' ');  // elements start at a multiple of 64
  header += '\n';
  std::vector<uint8_t> bytes(magic.begin(), magic.end());
  bytes.insert(bytes.end(), {1, 0, static_cast<uint8_t>(header.size()), static_cast<uint8_t>(header.size() >> 8)});
  bytes.insert(bytes.end(), header.begin(), header.end());
  const auto* elements = static_cast<const uint8_t*>(tensor.bytes());
  bytes.insert(bytes.end(), elements, elements + tensor.byte_count());
  write_file(path, bytes);
}

}  // namespace tandem::data
