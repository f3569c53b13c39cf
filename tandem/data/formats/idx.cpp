#include <tandem/base/checked.h>
#include <tandem/data/formats/gzip.h>
#include <tandem/data/formats/idx.h>

#include <algorithm>

namespace tandem::data {
namespace {

constexpr uint64_t max_idx_bytes = uint64_t{1} << 33;
constexpr uint8_t bytes_type = 0x08;

uint32_t big_endian(std::span<const uint8_t> bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

}  // namespace

Tensor parse_idx(std::span<const uint8_t> bytes, std::string_view where) {
  if (bytes.size() < 4)
    fail(ErrorKind::data, where, "has {} bytes, an IDX file has at least 8: get the file again", bytes.size());
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != bytes_type || bytes[3] < 1 || bytes[3] > 4)
    fail(ErrorKind::data, where,
         "is not IDX of bytes: expected 00 00 08 and a rank of 01 … 04 at offset 0, got {:02x} {:02x} {:02x} {:02x}",
         bytes[0], bytes[1], bytes[2], bytes[3]);
  const size_t rank = bytes[3];
  const size_t header = 4 + 4 * rank;
  if (bytes.size() < header)
    fail(ErrorKind::data, where, "is cut short in its header: rank {} needs {} bytes, got {}", rank, header,
         bytes.size());
  std::vector<int64_t> sizes;
  int64_t room = 1;  // an empty axis must not hide an overflow of the others
  for (size_t axis = 0; axis < rank; ++axis) {
    sizes.push_back(big_endian(bytes, 4 + 4 * axis));
    room = checked_mul(room, std::max<int64_t>(sizes.back(), 1), fmt::format("{}: sizes at offset 4", where));
  }
  const Shape shape(sizes);
  const int64_t count = shape.numel();
  const auto have = static_cast<int64_t>(bytes.size() - header);
  if (have != count)
    fail(ErrorKind::data, where, "sizes {} in the header need {} bytes after offset {}, got {}: the file is {}", shape,
         count, header, have, have < count ? "cut short" : "too long");
  return Tensor::from(bytes.subspan(header), shape);
}

Tensor read_idx(const fs::path& path) {
  const auto bytes = read_file(path, max_idx_bytes);
  if (!is_gzip(bytes)) return parse_idx(bytes, path.string());
  return parse_idx(gunzip(bytes, max_idx_bytes, path.string()), path.string());
}

void write_idx(const fs::path& path, const Tensor& tensor) {
  if (tensor.dtype() != DType::u8 || tensor.rank() < 1 || tensor.rank() > 4)
    fail("write_idx", "takes uint8 of rank 1 to 4, got {} of shape {}", name_of(tensor.dtype()), tensor.shape());
  std::vector<uint8_t> bytes{0, 0, bytes_type, static_cast<uint8_t>(tensor.rank())};
  for (const int64_t size : tensor.shape()) {
    if (size > 0xffffffffLL) fail("write_idx", "size {} of shape {} does not fit 32 bits", size, tensor.shape());
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(size >> shift));
  }
  const auto elements = tensor.data<uint8_t>();
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  write_file(path, path.extension() == ".gz" ? gzip(bytes) : bytes);
}

}  // namespace tandem::data
