#include <fcntl.h>
#include <tandem/base/error.h>
#include <tandem/train/events.h>
#include <unistd.h>

#include <bit>
#include <boost/crc.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <tuple>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

template <class T>
void put(std::string& out, T value) {  // little-endian, as the machine is
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

uint32_t masked_crc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // Castagnoli
  crc.process_bytes(bytes.data(), bytes.size());
  const uint32_t c = crc.checksum();
  return ((c >> 15) | (c << 17)) + 0xa282ead8U;
}

// ---- Protocol buffers: a key is field << 3 | type; 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_double(std::string& out, int field, double value) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 1);
  put(out, value);
}

constexpr size_t around = 16;  // bytes of a record beside its content

// Bytes of the whole records at the start, and how many there are.
std::pair<size_t, size_t> whole_records(std::string_view file) {
  size_t at = 0, count = 0;
  while (file.size() - at >= around) {
    uint64_t length = 0;
    std::memcpy(&length, file.data() + at, sizeof length);
    if (length > file.size() - at - around) break;
    at += around + static_cast<size_t>(length), ++count;
  }
  return {at, count};
}

}  // namespace

std::string event_record(const std::string& bytes) {
  std::string out;
  put(out, static_cast<uint64_t>(bytes.size()));
  put(out, masked_crc(out));
  out += bytes;
  put(out, masked_crc(bytes));
  return out;
}

std::string version_event(double wall_time) {
  std::string event;
  put_double(event, 1, wall_time);
  put_bytes(event, 3, "brain.Event:2");
  return event;
}

std::string scalar_event(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    std::string one;  // Summary.Value: tag 1, simple_value 2 (float)
    put_bytes(one, 1, tag);
    put_varint(one, 2 << 3 | 5);
    put(one, static_cast<float>(value));
    put_bytes(summary, 1, one);
  }
  std::string event;
  put_double(event, 1, wall_time);
  put_varint(event, 2 << 3);
  put_varint(event, static_cast<uint64_t>(step));
  put_bytes(event, 5, summary);
  return event;
}

void append_events(const fs::path& folder, const std::vector<evaluate::EpochPoint>& history) {
  fs::path path;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) path = entry.path();
  size_t kept = 0, records = 0;
  std::string more;
  if (path.empty()) {
    path = folder / fmt::format("events.out.tfevents.{}.tandem", static_cast<int64_t>(now()));
    more = event_record(version_event(now()));
    records = 1;
  } else {
    std::tie(kept, records) = whole_records(read_text(path));
    if (records == 0) more = event_record(version_event(now())), records = 1;
  }
  for (size_t i = records - 1; i < history.size(); ++i) {
    const evaluate::EpochPoint& p = history[i];
    std::vector<std::pair<std::string, double>> scalars;
    for (const auto& [tag, value] : {std::pair<std::string, double>{"loss/train", p.train_loss},
                                     {"loss/validation", p.validation_loss},
                                     {"accuracy/train", p.train_accuracy},
                                     {"accuracy/validation", p.validation_accuracy},
                                     {"learning_rate", p.learning_rate}})
      if (std::isfinite(value)) scalars.emplace_back(tag, value);
    more += event_record(scalar_event(now(), p.epoch, scalars));
  }
  // Written behind what is there: a TensorBoard that looks on reads from where it stopped.
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool good = file >= 0 && ::ftruncate(file, static_cast<off_t>(kept)) == 0 &&
                    ::lseek(file, 0, SEEK_END) >= 0 &&
                    ::write(file, more.data(), more.size()) == static_cast<ssize_t>(more.size());
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!good) fail(ErrorKind::file, path.string(), "cannot be written: {}", std::strerror(error));
}

}  // namespace tandem::train
