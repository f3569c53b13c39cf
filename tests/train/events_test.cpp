// The event file is read back by the published format alone: none of the code that wrote it.
#include <tandem/train/events.h>

#include <cmath>
#include <cstring>
#include <map>

#include "tests/python.h"

namespace tandem::train {
namespace {

using tandem::testing::Folder;

// CRC-32C bit by bit, over the polynomial 0x1EDC6F41 in reflected form.
uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78U : 0);
  }
  return ~crc;
}
uint32_t masked(std::string_view bytes) {
  const uint32_t c = crc32c(bytes);
  return ((c >> 15) | (c << 17)) + 0xa282ead8U;
}

template <class T>
T take(std::string_view& in) {
  T value{};
  if (in.size() < sizeof value) throw std::runtime_error("the file ends early");
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return value;
}

std::vector<std::string> records(std::string_view file) {
  std::vector<std::string> out;
  while (!file.empty()) {
    const std::string_view head = file.substr(0, 8);
    const auto length = take<uint64_t>(file);
    EXPECT_EQ(take<uint32_t>(file), masked(head));
    const std::string_view content = file.substr(0, length);
    file.remove_prefix(length);
    EXPECT_EQ(take<uint32_t>(file), masked(content));
    out.emplace_back(content);
  }
  return out;
}

uint64_t varint(std::string_view& in) {
  uint64_t out = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<uint8_t>(in);
    out |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return out;
  }
}

/// Field number to its raw values.
std::multimap<int, std::string> message(std::string_view in) {
  std::multimap<int, std::string> out;
  while (!in.empty()) {
    const uint64_t key = varint(in);
    std::string_view value;
    switch (key & 7) {
      case 0: out.emplace(key >> 3, std::to_string(varint(in))); continue;
      case 1: value = in.substr(0, 8); break;
      case 2: {
        const uint64_t length = varint(in);
        value = in.substr(0, length);
        break;
      }
      case 5: value = in.substr(0, 4); break;
      default: throw std::runtime_error("no such wire type");
    }
    out.emplace(key >> 3, value);
    in.remove_prefix(value.size());
  }
  return out;
}

std::map<std::string, float> scalars(const std::string& event) {
  std::map<std::string, float> out;
  const auto summary = message(message(event).find(5)->second);
  for (const auto& [field, bytes] : summary) {
    EXPECT_EQ(field, 1);
    const auto value = message(bytes);
    float number = 0;
    std::memcpy(&number, value.find(2)->second.data(), sizeof number);
    out[value.find(1)->second] = number;
  }
  return out;
}

fs::path only_file(const Folder& folder) {
  fs::path out;
  for (const auto& entry : fs::directory_iterator(folder.path())) out = entry.path();
  return out;
}

TEST(Events, AnEpochIsAnEventInTheFormatOfTensorBoard) {
  const Folder folder;
  std::vector<evaluate::EpochPoint> history{{.epoch = 1, .train_loss = 0.5, .learning_rate = 0.01}};
  append_events(folder.path(), history);
  const fs::path file = only_file(folder);
  EXPECT_TRUE(file.filename().string().starts_with("events.out.tfevents."));
  history.push_back({.epoch = 300,
                     .train_loss = 0.25,
                     .validation_loss = 0.375,
                     .validation_accuracy = 0.875,
                     .learning_rate = 0.01,
                     .train_accuracy = 0.75});
  append_events(folder.path(), history);
  append_events(folder.path(), history);  // nothing new
  const auto all = records(read_text(file));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(message(all[0]).find(3)->second, "brain.Event:2");
  double time = 0;
  std::memcpy(&time, message(all[0]).find(1)->second.data(), sizeof time);
  EXPECT_GT(time, 1.7e9) << "seconds since 1970";
  EXPECT_EQ(scalars(all[1]), (std::map<std::string, float>{{"loss/train", 0.5F}, {"learning_rate", 0.01F}}));
  EXPECT_EQ(message(all[2]).find(2)->second, "300");
  EXPECT_EQ(scalars(all[2]), (std::map<std::string, float>{{"loss/train", 0.25F},
                                                           {"loss/validation", 0.375F},
                                                           {"accuracy/train", 0.75F},
                                                           {"accuracy/validation", 0.875F},
                                                           {"learning_rate", 0.01F}}));
}

TEST(Events, HalfARecordFromACrashIsCutOff) {
  const Folder folder;
  std::vector<evaluate::EpochPoint> history{{.epoch = 1, .train_loss = 1}, {.epoch = 2, .train_loss = 2}};
  append_events(folder.path(), history);
  const fs::path file = only_file(folder);
  const std::string whole = read_text(file);
  for (const size_t lost : {size_t{1}, size_t{20}, whole.size() - 3}) {
    fs::resize_file(file, whole.size() - lost);
    append_events(folder.path(), history);
    const auto all = records(read_text(file));
    ASSERT_EQ(all.size(), 3u) << lost;
    EXPECT_EQ(scalars(all[2]).at("loss/train"), 2.0F);
  }
}

TEST(Events, TensorBoardReadsThem) {
  const auto python = testing::python_with("tensorboard");
  if (!python) GTEST_SKIP() << "there is no Python with tensorboard";
  const Folder folder;
  append_events(folder.path(), {{.epoch = 1, .train_loss = 0.5, .learning_rate = 0.01},
                                {.epoch = 300,
                                 .train_loss = 0.25,
                                 .validation_loss = 0.375,
                                 .validation_accuracy = 0.875,
                                 .learning_rate = 0.005,
                                 .train_accuracy = 0.75}});
  const char* script =
      "import sys\nfrom tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
      "a = EventAccumulator(sys.argv[1])\na.Reload()\n"
      "for tag in sorted(a.Tags()['scalars']):\n  for e in a.Scalars(tag): print(tag, e.step, round(e.value, 6))\n";
  const Folder other;
  const testing::Said said =
      testing::Program(other.path(), {"-c", script, folder.path().string()}, {}, "/dev/null", *python).wait();
  EXPECT_EQ(said.out,
            "accuracy/train 300 0.75\naccuracy/validation 300 0.875\nlearning_rate 1 0.01\nlearning_rate 300 0.005\n"
            "loss/train 1 0.5\nloss/train 300 0.25\nloss/validation 300 0.375\n")
      << said.err;
}

}  // namespace
}  // namespace tandem::train
