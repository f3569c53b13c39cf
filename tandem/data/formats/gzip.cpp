#include <tandem/base/error.h>
#include <tandem/data/formats/gzip.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

namespace tandem::data {
namespace {

constexpr size_t largest_step = std::numeric_limits<uInt>::max();  // zlib counts in 32 bits

struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();  // 16: the gzip wrapper
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

}  // namespace

bool is_gzip(std::span<const uint8_t> bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

std::vector<uint8_t> gunzip(std::span<const uint8_t> bytes, uint64_t limit, std::string_view where) {
  if (!is_gzip(bytes))
    fail(ErrorKind::data, where, "is not gzip: expected the bytes 1f 8b at offset 0{}",
         bytes.empty() ? ", got an empty file"
                       : fmt::format(", got {:02x}", fmt::join(bytes.first(std::min<size_t>(bytes.size(), 2)), " ")));
  std::vector<uint8_t> out;
  Inflater inflater;
  z_stream& z = inflater.stream;
  size_t at = 0;  // compressed bytes used
  std::vector<uint8_t> piece(size_t{1} << 18);
  for (;;) {
    const size_t given = std::min(bytes.size() - at, largest_step);
    z.next_in = const_cast<Bytef*>(bytes.data() + at);  // zlib reads only
    z.avail_in = static_cast<uInt>(given);
    z.next_out = piece.data();
    z.avail_out = static_cast<uInt>(piece.size());
    const int code = inflate(&z, Z_NO_FLUSH);
    at += given - z.avail_in;
    const size_t got = piece.size() - z.avail_out;
    if (got > limit - out.size())
      fail(ErrorKind::data, where, "unpacks to more than the {} bytes expected (at byte {} of {} compressed ones)",
           limit, at, bytes.size());
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
    if (code == Z_STREAM_END) {
      if (!is_gzip(bytes.subspan(at))) break;
      inflateReset(&z);
      continue;
    }
    if (code == Z_BUF_ERROR || (code == Z_OK && at == bytes.size() && z.avail_out > 0))
      fail(ErrorKind::data, where, "is cut short: the gzip stream goes on after the last byte, {}; get the file again",
           bytes.size());
    if (code != Z_OK)
      fail(ErrorKind::data, where, "is damaged at byte {} of {}: {}; get the file again", at, bytes.size(),
           z.msg ? z.msg : zError(code));
  }
  if (std::ranges::any_of(bytes.subspan(at), [](uint8_t byte) { return byte != 0; }))  // zeros are tape padding
    fail(ErrorKind::data, where, "has {} bytes after the end of the gzip stream at byte {}", bytes.size() - at, at);
  return out;
}

std::vector<uint8_t> gzip(std::span<const uint8_t> bytes) {
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  struct End {
    z_stream* stream;
    ~End() { deflateEnd(stream); }
  } const end{&z};
  std::vector<uint8_t> out;
  std::vector<uint8_t> piece(size_t{1} << 18);
  size_t at = 0;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    const size_t given = std::min(bytes.size() - at, largest_step);
    z.next_in = const_cast<Bytef*>(bytes.data() + at);
    z.avail_in = static_cast<uInt>(given);
    z.next_out = piece.data();
    z.avail_out = static_cast<uInt>(piece.size());
    code = deflate(&z, at + given == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    at += given - z.avail_in;
    out.insert(out.end(), piece.begin(), piece.end() - static_cast<std::ptrdiff_t>(z.avail_out));
  }
  return out;
}

}  // namespace tandem::data
