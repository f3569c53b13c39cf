// Model files that are none: every kind is refused with what is wrong and where, soon, and without memory taken for it.
#include <tandem/base/checksum.h>
#include <tandem/base/random.h>
#include <tandem/tasks/classifier.h>
#include <tandem/tensor/safetensors.h>
#include <tandem/tensor/safetensors_header.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <map>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

constexpr int seeds = 25;

/// A file in pieces, each of which can be spoilt.
struct Draft {
  struct Entry {
    std::string name, dtype = "\"F32\"", shape, offsets, more;
  };
  std::vector<Entry> entries;
  std::string metadata = R"("__metadata__":{"by":"a test","k":"v"},)";
  std::string before = "{", after = "}";
  std::vector<uint8_t> data;
  uint64_t claimed = 0, cut = 0;  // 0: as it is

  [[nodiscard]] std::string header() const {
    std::string text = before + metadata;
    for (const Entry& e : entries) {
      text += '"' + e.name + "\":{";
      if (!e.dtype.empty()) text += "\"dtype\":" + e.dtype + ",";
      if (!e.shape.empty()) text += "\"shape\":" + e.shape + ",";
      if (!e.offsets.empty()) text += "\"data_offsets\":" + e.offsets + ",";
      text += e.more;
      if (text.back() == ',') text.pop_back();
      text += "},";
    }
    if (text.back() == ',') text.pop_back();
    return text + after;
  }
  [[nodiscard]] std::vector<uint8_t> bytes() const {
    const std::string text = header();
    const uint64_t size = claimed ? claimed : text.size();
    std::vector<uint8_t> out(8);
    std::memcpy(out.data(), &size, 8);
    out.insert(out.end(), text.begin(), text.end());
    out.insert(out.end(), data.begin(), data.end());
    if (cut) out.resize(std::min<size_t>(out.size(), cut));
    return out;
  }
};

/// A good file of one to six tensors, up to a megabyte each.
Draft draft(Rng& rng) {
  Draft out;
  int64_t at = 0;
  const int64_t count = 2 + rng.below(5);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t rows = 1 + rng.below(512), columns = 2 * (1 + rng.below(256));
    out.entries.push_back({.name = fmt::format("layer.{}.weight", i),
                           .shape = fmt::format("[{},{}]", rows, columns),
                           .offsets = fmt::format("[{},{}]", at, at + 4 * rows * columns),
                           .more = {}});
    at += 4 * rows * columns;
  }
  out.data.resize(static_cast<size_t>(at), 7);
  return out;
}

struct Kind {
  std::string name;
  std::vector<std::string> parts;  // of the message
  std::function<void(Draft&, Draft::Entry& one, Rng&)> spoil;
};

std::string many(const std::string& text, int64_t n) {
  std::string out;
  for (int64_t i = 0; i < n; ++i) out += text;
  return out;
}

const std::vector<Kind>& kinds() {
  using E = Draft::Entry;
  static const std::vector<Kind> all{
      {"empty", {"0 bytes", "at least 8"}, [](Draft& d, E&, Rng&) { d.cut = 1, d.before = ""; }},
      {"no_room_for_the_length",
       {"bytes, expected at least 8"},
       [](Draft& d, E&, Rng& r) { d.cut = 1 + static_cast<uint64_t>(r.below(7)); }},
      {"length_beyond_the_file",
       {"header at byte 0 claims"},
       [](Draft& d, E&, Rng& r) { d.claimed = d.bytes().size() + static_cast<uint64_t>(r.below(1000)); }},
      {"length_of_64_bits",
       {"header at byte 0 claims 18446744073709551615"},
       [](Draft& d, E&, Rng&) { d.claimed = ~uint64_t{0}; }},
      {"length_wraps_with_8",
       {"header at byte 0 claims"},
       [](Draft& d, E&, Rng& r) { d.claimed = ~uint64_t{0} - static_cast<uint64_t>(r.below(8)); }},
      {"length_of_a_terabyte",
       {"header at byte 0 claims"},
       [](Draft& d, E&, Rng& r) { d.claimed = uint64_t{1} << (40 + r.below(20)); }},
      {"length_into_the_data",
       {"at byte"},
       [](Draft& d, E&, Rng& r) { d.claimed = d.header().size() + 1 + static_cast<uint64_t>(r.below(15)); }},
      {"length_too_short",
       {"no JSON", "at byte"},
       [](Draft& d, E&, Rng& r) {
         d.claimed = 1 + static_cast<uint64_t>(r.below(static_cast<int64_t>(d.header().size()) - 1));
       }},
      {"noise",
       {"no JSON", "at byte"},
       [](Draft& d, E&, Rng& r) {
         for (char& c : d.before) c = static_cast<char>(1 + r.below(31));
       }},
      {"empty_header",
       {"no JSON"},
       [](Draft& d, E&, Rng&) { d.entries.clear(), d.metadata = "", d.before = " ", d.after = ""; }},
      {"list_on_top",
       {"a list, but no JSON object", "at byte"},
       [](Draft& d, E&, Rng&) { d.before = "[{", d.after = "}]"; }},
      {"number_on_top",
       {"a number, but no JSON object"},
       [](Draft& d, E&, Rng&) { d.entries.clear(), d.metadata = "", d.before = "12", d.after = ""; }},
      {"text_behind", {"no JSON", "at byte"}, [](Draft& d, E&, Rng&) { d.after = "} {"; }},
      {"comma_too_many", {"no JSON", "at byte"}, [](Draft& d, E&, Rng&) { d.after = ",}"; }},
      {"zero_byte", {"no JSON", "at byte"}, [](Draft&, E& e, Rng&) { e.name.insert(1, 1, '\0'); }},
      {"no_utf8",
       {"no JSON", "at byte"},
       [](Draft&, E& e, Rng& r) { e.name += static_cast<char>(0x80 + r.below(64)); }},
      {"lone_surrogate", {"no JSON", "at byte"}, [](Draft&, E& e, Rng&) { e.name += "\\ud800"; }},
      {"lists_sixty_thousand_deep",
       {"shape", "whole number", "a list", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = many("[", 60'000); }},
      {"objects_sixty_thousand_deep",
       {"unknown key 'x'", "at byte"},
       [](Draft&, E& e, Rng&) { e.more = many("\"x\":{", 60'000); }},
      {"name_twice", {"'layer.0.weight' stands twice"}, [](Draft& d, E& e, Rng&) { e = d.entries[0]; }},
      {"metadata_twice",
       {"'__metadata__' stands twice", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata += d.metadata; }},
      {"metadata_key_twice",
       {"'k' stands twice in __metadata__", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata = R"("__metadata__":{"k":"1","k":"2"},)"; }},
      {"dtype_twice",
       {"'dtype' stands twice in entry 'layer.", "at byte"},
       [](Draft&, E& e, Rng&) { e.more = "\"dtype\":\"F32\""; }},
      {"shape_twice",
       {"'shape' stands twice in entry 'layer.", "at byte"},
       [](Draft&, E& e, Rng&) { e.more = "\"shape\":[1]"; }},
      {"offsets_twice",
       {"'data_offsets' stands twice in entry 'layer.", "at byte"},
       [](Draft&, E& e, Rng&) { e.more = "\"data_offsets\":[0,4]"; }},
      {"metadata_is_a_list",
       {"__metadata__ is no object but a list", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata = R"("__metadata__":["a"],)"; }},
      {"metadata_holds_a_number",
       {"__metadata__ 'k' is no string but a number", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata = R"("__metadata__":{"k":1e9},)"; }},
      {"metadata_holds_null",
       {"__metadata__ 'k' is no string but null", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata = R"("__metadata__":{"k":null},)"; }},
      {"metadata_holds_an_object",
       {"__metadata__ 'k' is no string but an object", "at byte"},
       [](Draft& d, E&, Rng&) { d.metadata = R"("__metadata__":{"k":{}},)"; }},
      {"metadata_of_megabytes",
       {"the text that begins at byte", "more than 4194304 bytes"},
       [](Draft& d, E&, Rng& r) {
         d.metadata =
             "\"__metadata__\":{\"k\":\"" + std::string(static_cast<size_t>((5 + r.below(3)) << 20), 'x') + "\"},";
       }},
      {"name_of_megabytes",
       {"the text that begins at byte", "more than 4194304 bytes"},
       [](Draft&, E& e, Rng& r) { e.name = std::string(static_cast<size_t>((5 + r.below(3)) << 20), 'x'); }},
      {"name_too_long",
       {"a tensor name has", "expected 1 to 1024", "at byte"},
       [](Draft&, E& e, Rng& r) { e.name = std::string(static_cast<size_t>(1025 + r.below(9000)), 'n'); }},
      {"name_empty", {"a tensor name has 0 bytes", "at byte"}, [](Draft&, E& e, Rng&) { e.name = ""; }},
      {"entry_is_a_number",
       {"entry 'odd' is no object but a number", "at byte"},
       [](Draft& d, E&, Rng&) { d.after = ",\"odd\":3}"; }},
      {"entry_is_a_text",
       {"entry 'odd' is no object but a text", "at byte"},
       [](Draft& d, E&, Rng&) { d.after = ",\"odd\":\"F32\"}"; }},
      {"unknown_key",
       {"entry 'layer.", "unknown key 'path'", "at byte"},
       [](Draft&, E& e, Rng&) { e.more = "\"path\":\"../x\""; }},
      {"no_dtype", {"entry 'layer.", "has no dtype", "at byte"}, [](Draft&, E& e, Rng&) { e.dtype = ""; }},
      {"dtype_is_a_number",
       {"entry 'layer.", "no dtype but a number", "at byte"},
       [](Draft&, E& e, Rng&) { e.dtype = "4"; }},
      {"dtype_is_a_list",
       {"entry 'layer.", "no dtype but a list", "at byte"},
       [](Draft&, E& e, Rng&) { e.dtype = "[\"F32\"]"; }},
      {"dtype_unknown",
       {"has dtype '", "expected F32, F64", "at byte"},
       [](Draft&, E& e, Rng& r) {
         e.dtype = std::vector<std::string>{"\"F8_E4M3\"", "\"F4\"", "\"f32\"", "\"\"",
                                            "\"C64\""}[static_cast<size_t>(r.below(5))];
       }},
      {"no_shape", {"entry 'layer.", "has no shape", "at byte"}, [](Draft&, E& e, Rng&) { e.shape = ""; }},
      {"shape_is_a_number",
       {"entry 'layer.", "no shape but a number", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "8"; }},
      {"shape_holds_a_text",
       {"a size in shape", "not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[\"8\"]"; }},
      {"shape_holds_a_list",
       {"a size in shape", "not a whole number", "a list", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[[8]]"; }},
      {"size_negative",
       {"a size in shape", "not a whole number of 0 or more but -", "at byte"},
       [](Draft&, E& e, Rng& r) { e.shape = fmt::format("[-{},2]", 1 + r.below(1 << 30)); }},
      {"size_with_a_fraction",
       {"a size in shape", "not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[2.5]"; }},
      {"size_with_an_exponent",
       {"a size in shape", "not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[1e3]"; }},
      {"size_beyond_64_bits",
       {"a size in shape", "not a whole number", "at byte"},
       [](Draft&, E& e, Rng& r) { e.shape = "[" + std::string(static_cast<size_t>(20 + r.below(280)), '9') + "]"; }},
      {"size_beyond_63_bits",
       {"a size in shape", "not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[18446744073709551615]"; }},
      {"sizes_overflow",
       {"impossible shape", "at byte"},
       [](Draft&, E& e, Rng& r) {
         e.shape = fmt::format("[{},{}]", int64_t{1} << (32 + r.below(29)), int64_t{1} << 31);
       }},
      {"sizes_overflow_around_0",
       {"impossible shape", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[4611686018427387904,4,0]"; }},
      {"axes_too_many",
       {"has 7 axes or more, at most 6", "at byte"},
       [](Draft&, E& e, Rng& r) { e.shape = "[1" + many(",1", 6 + r.below(1000)) + "]"; }},
      {"no_offsets", {"no pair of data_offsets", "at byte"}, [](Draft&, E& e, Rng&) { e.offsets = ""; }},
      {"one_offset", {"no pair of data_offsets", "at byte"}, [](Draft&, E& e, Rng&) { e.offsets = "[0]"; }},
      {"three_offsets", {"no pair of data_offsets", "at byte"}, [](Draft&, E& e, Rng&) { e.offsets = "[0,4,8]"; }},
      {"offsets_are_a_text", {"no pair of data_offsets", "at byte"}, [](Draft&, E& e, Rng&) { e.offsets = "\"0,4\""; }},
      {"offset_negative",
       {"data_offsets is not a whole number of 0 or more but -", "at byte"},
       [](Draft&, E& e, Rng& r) { e.offsets = fmt::format("[-{},4]", 1 + r.below(1000)); }},
      {"offset_with_a_fraction",
       {"data_offsets is not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.offsets = "[0,8.5]"; }},
      {"offset_is_a_text",
       {"data_offsets is not a whole number of 0 or more but \"0\"", "at byte"},
       [](Draft&, E& e, Rng&) { e.offsets = "[\"0\",8]"; }},
      {"offset_is_a_list",
       {"data_offsets is not a whole number of 0 or more but a list", "at byte"},
       [](Draft&, E& e, Rng&) { e.offsets = "[[0],8]"; }},
      {"offset_beyond_64_bits",
       {"data_offsets is not a whole number", "at byte"},
       [](Draft&, E& e, Rng&) { e.offsets = "[0,99999999999999999999]"; }},
      {"offsets_reversed", {"outside the", "at byte"}, [](Draft&, E& e, Rng&) { e.offsets = "[8,0]"; }},
      {"offsets_beyond_the_data",
       {"outside the", "at byte"},
       [](Draft& d, E& e, Rng& r) {
         e.offsets = fmt::format("[0,{}]", static_cast<int64_t>(d.data.size()) + 1 + r.below(int64_t{1} << 40));
       }},
      {"offsets_do_not_fit_the_shape",
       {"needs", "bytes but its offsets span", "at byte"},
       [](Draft&, E& e, Rng&) { e.shape = "[3]", e.offsets = "[0,8]"; }},
      {"dtype_does_not_fit_the_offsets",
       {"needs", "bytes but its offsets span", "at byte"},
       [](Draft&, E& e, Rng&) { e.dtype = "\"F64\""; }},
      {"overlap",
       {"starts at 0 of the data, expected", "overlap"},
       [](Draft& d, E& e, Rng&) { e.shape = d.entries[0].shape, e.offsets = d.entries[0].offsets; }},
      {"gap",
       {"starts at", "leave a gap"},
       [](Draft& d, E&, Rng& r) { d.entries.erase(d.entries.begin() + r.below(std::ssize(d.entries) - 1)); }},
      {"data_short",
       {"outside the", "at byte"},
       [](Draft& d, E&, Rng& r) { d.data.resize(d.data.size() - static_cast<size_t>(1 + r.below(4))); }},
      {"data_long",
       {"the tensors end at", "of the data, which has"},
       [](Draft& d, E&, Rng& r) { d.data.resize(d.data.size() + static_cast<size_t>(1 + r.below(1 << 20))); }},
  };
  return all;
}

std::vector<uint8_t> malformed(const Kind& kind, int seed) {
  Rng rng(static_cast<uint64_t>(seed), kind.name);
  Draft d = draft(rng);
  kind.spoil(d, d.entries.back(), rng);
  std::vector<uint8_t> out = d.bytes();
  if (kind.name == "empty") out.clear();
  return out;
}

/// Processor time of this thread: what a refusal costs, whatever else the machine does.
double seconds_used() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

TEST(Malformed, TheDraftItselfIsGood) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    Rng rng(seed, "draft");
    const Draft d = draft(rng);
    EXPECT_EQ(parse_safetensors(d.bytes(), "good").tensors.size(), d.entries.size());
  }
}

TEST(Malformed, EveryKindIsRefusedSoonAndWithoutMemory) {
  EXPECT_GE(kinds().size(), 40U);
  const Folder folder;
  double slowest = 0;
  int64_t most = 0;
  for (const Kind& kind : kinds())
    for (int seed = 0; seed < seeds; ++seed) {
      SCOPED_TRACE(fmt::format("{}, seed {}", kind.name, seed));
      const fs::path path = folder / "bad.safetensors";
      const std::vector<uint8_t> bytes = malformed(kind, seed);
      std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
      std::vector<std::string> parts = kind.parts;
      parts.insert(parts.end(), {"bad.safetensors: not a valid safetensors file: "});
      const PeakMemory peak;
      const double started = seconds_used();
      expect_error(ErrorKind::data, parts, [&] { (void)read_safetensors(path); });
      const double seconds = seconds_used() - started;
      const int64_t more = peak.grown() - std::ssize(bytes);
      slowest = std::max(slowest, seconds), most = std::max(most, more);
      if (PeakMemory::counts) {
        EXPECT_LE(more, 1 << 20) << "bytes more than the file has";
        EXPECT_LT(seconds, 0.1);
      }
    }
  RecordProperty("kinds", static_cast<int>(kinds().size()));
  fmt::print("{} kinds x {} seeds: slowest {:.1f} ms, memory at most the file {:+} kB\n", kinds().size(), seeds,
             1e3 * slowest, most / 1024);
}

// Each takes some memory until there are too many of them.
TEST(Malformed, TooManyNamesAreRefused) {
  Rng rng(1, "draft");
  Draft texts = draft(rng), tensors = texts;
  texts.metadata = R"("__metadata__":{)";
  for (size_t i = 0; i <= safetensors::most_texts; ++i)
    texts.metadata += fmt::format("{}\"{}\":\"\"", i > 0 ? "," : "", i);
  texts.metadata += "},";
  expect_error(ErrorKind::data,
               {"bad: not a valid safetensors file", "__metadata__ has more than 69632 texts", "at byte"},
               [&] { (void)parse_safetensors(texts.bytes(), "bad"); });
  tensors.entries.clear(), tensors.data.clear();
  for (size_t i = 0; i <= safetensors::most_tensors; ++i)
    tensors.entries.push_back({.name = std::to_string(i), .shape = "[0]", .offsets = "[0,0]", .more = {}});
  expect_error(ErrorKind::data, {"bad: not a valid safetensors file", "more than 65536 tensors", "at byte"},
               [&] { (void)parse_safetensors(tensors.bytes(), "bad"); });
  tensors.entries.pop_back();
  EXPECT_EQ(parse_safetensors(tensors.bytes(), "good").tensors.size(), safetensors::most_tensors);
}

TEST(Malformed, TheProgramSaysSoWithExitCode3) {
  const Folder folder;
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    folder.write("bad.safetensors", malformed(kind, 1));
    const Said said = tandem(folder, {"inspect", "bad.safetensors"});
    EXPECT_EQ(said.code, 3) << said.err;
    EXPECT_NE(said.err.find(kind.parts[0]), std::string::npos) << said.err;
  }
}

tasks::Classifier small_model() {
  tasks::Classifier out;
  out.net = nn::Sequential::read(
      Config::parse("[conv: {filters: 2, kernel: 3}, relu, flatten, linear: classes]", "the test's network"));
  out.input = tasks::ImageInput{6, 6, 1, {0.2}, {0.05}};
  out.classes = {"zero", "one", "two"};
  out.build(Rng(1, "malformed test"));
  return out;
}

/// A whole model file of a few kilobytes.
std::vector<uint8_t> small_file() {
  const Folder folder;
  small_model().save(folder / "model.safetensors");
  return read_file(folder / "model.safetensors");
}

TEST(Malformed, EveryTruncationOfAModelIsNoticed) {
  const auto whole = small_file();
  for (size_t size = 0; size < whole.size(); ++size)
    ASSERT_THROW((void)parse_safetensors(std::span(whole).first(size), "cut"), Error) << size;
}

TEST(Malformed, EveryFlippedBitOfAModelIsNoticed) {
  const auto whole = small_file();
  (void)parse_safetensors(whole, "whole");
  auto bytes = whole;
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    ASSERT_THROW((void)parse_safetensors(bytes, "flipped"), Error) << "bit " << bit % 8 << " of byte " << bit / 8;
    bytes[bit / 8] = whole[bit / 8];
  }
}

TEST(Malformed, ADamagedTensorIsNamed) {
  auto bytes = format_safetensors({{{"first", Tensor::full({3}, 1)}, {"second", Tensor::full({2}, 2)}}, {{"k", "v"}}});
  bytes.back() ^= 1;
  expect_error(ErrorKind::data, {"'second' is damaged", "the 8 bytes from"},
               [&] { (void)parse_safetensors(bytes, "m"); });
  bytes.back() ^= 1;
  const std::string key = "\"k\":\"v\"";
  *(std::search(bytes.begin(), bytes.end(), key.begin(), key.end()) + 5) = 'w';
  expect_error(ErrorKind::data, {"the header, bytes 0 to", "tandem.sha256"},
               [&] { (void)parse_safetensors(bytes, "m"); });
}

TEST(Malformed, ChecksumsAreAllThereOrNone) {
  const auto file = [](const std::string& metadata) {
    Draft d;
    d.metadata = "\"__metadata__\":{" + metadata + "},";
    d.entries = {{.name = "a", .shape = "[1]", .offsets = "[0,4]", .more = {}}};
    d.data.resize(4);
    return d.bytes();
  };
  (void)parse_safetensors(file("\"k\":\"v\""), "others have none");
  expect_error(ErrorKind::data, {"checksums of tensors but no 'tandem.sha256'"},
               [&] { (void)parse_safetensors(file("\"tandem.sha256:a\":\"00\""), "m"); });
  expect_error(ErrorKind::data, {"does not have the checksum"},
               [&] { (void)parse_safetensors(file("\"tandem.sha256\":\"00\""), "m"); });
  expect_error(ErrorKind::usage, {"metadata 'tandem.sha256:a' cannot be written"}, [] {
    (void)format_safetensors({{}, {{"tandem.sha256:a", "00"}}});
  });
}

// Another program may have changed the tensors and reckoned the checksum of the whole anew.
TEST(Malformed, ChecksumsAreOfTheTensorsThatAreThere) {
  const auto summed = [](const std::string& sums) {
    Draft d;
    d.metadata = "\"__metadata__\":{\"tandem.sha256\":\"" + std::string(64, '0') + "\"" + sums + "},";
    d.entries = {{.name = "a", .shape = "[1]", .offsets = "[0,4]", .more = {}}};
    d.data.resize(4);
    auto bytes = d.bytes();
    const std::string digits = sha256(std::span<const uint8_t>(bytes).first(bytes.size() - 4)), zeros(64, '0');
    std::ranges::copy(digits, std::search(bytes.begin(), bytes.end(), zeros.begin(), zeros.end()));
    return bytes;
  };
  const std::string right = sha256(std::vector<uint8_t>(4, 0)), of_a = ",\"tandem.sha256:a\":\"" + right + "\"",
                    of_b = ",\"tandem.sha256:b\":\"" + right + "\"";
  EXPECT_EQ(parse_safetensors(summed(of_a), "m").tensors.size(), 1U);
  for (const std::string& sums : {std::string(), of_a + of_b})
    expect_error(ErrorKind::data, {fmt::format("1 tensors and {} checksums", sums.empty() ? 0 : 2)},
                 [&] { (void)parse_safetensors(summed(sums), "m"); });
  expect_error(ErrorKind::data, {"tensor 'a' has no checksum"}, [&] { (void)parse_safetensors(summed(of_b), "m"); });
}

// The description in a model file says how large layers are: the file must hold what it asks for.
TEST(Malformed, ADescriptionAsksForNoMoreThanTheFileHas) {
  const Folder folder;
  small_model().save(folder / "good.safetensors");
  const TensorFile good = read_safetensors(folder / "good.safetensors");
  struct Row {
    const char *key, *text;
    std::vector<std::string> parts;
  };
  const std::string brackets(1'000'000, '['), too_long(1'048'577, 'x'), values = "[" + many("a,", 500'000) + "]";
  const std::vector<Row> rows{
      {"network", "[flatten, linear: 100000000, linear: classes]", {"model in this file is damaged"}},
      {"network", "[flatten, linear: 1000000000000, linear: classes]", {"units"}},
      {"network", "[conv: {filters: 1000000, kernel: 3}, flatten, linear: classes]", {"model in this file is damaged"}},
      {"network", "[flatten, linear: 5, linear: classes]", {"tensor '"}},
      {"network", brackets.c_str(), {"nested deeper than 64 levels"}},
      {"network", too_long.c_str(), {"at most 1048576 are read"}},
      {"classes", values.c_str(), {"more than 100000 values"}},
      {"network", "[flatten, &a [*a, *a], linear: classes]", {"model in this file is damaged"}},
      {"network", "{", {"(network)"}},
      {"network", "[[]]", {"model in this file is damaged"}},
      {"input", "{height: 1000000000, width: 1000000000}", {"model in this file is damaged"}},
      {"input", "{height: -6}", {"height"}},
      {"classes", "[one]", {"two or more"}},
      {"classes", "{}", {"model in this file is damaged"}},
      {"loss", "none", {"loss"}},
      {"task", "cooking", {"cooking"}},
      {"format", "9", {"format version '9'"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(fmt::format("{}: {:.60}", row.key, row.text));
    TensorFile bad = good;
    bad.metadata[std::string("tandem.") + row.key] = row.text;
    const fs::path path = folder / "bad.safetensors";
    write_safetensors(path, bad);
    const PeakMemory peak;
    const double started = seconds_used();
    std::vector<std::string> parts = row.parts;
    parts.emplace_back("bad.safetensors");
    expect_error(ErrorKind::data, parts, [&] { (void)tasks::Classifier::load(path); });
    if (PeakMemory::counts) {
      EXPECT_LT(seconds_used() - started, 1);
      EXPECT_LE(peak.grown(), 64 << 20);
    }
  }
  for (const char* name : {"extra", "0.extra", "confidence.extra"}) {
    TensorFile bad = good;
    bad.tensors.emplace_back(name, Tensor::zeros({1}));
    write_safetensors(folder / "bad.safetensors", bad);
    expect_error(ErrorKind::data, {name, "bad.safetensors"},
                 [&] { (void)tasks::Classifier::load(folder / "bad.safetensors"); });
  }
}

TEST(Malformed, InspectVerifies) {
  const Folder folder;
  small_model().save(folder / "model.safetensors");
  Said said = tandem(folder, {"inspect", "--verify", "model.safetensors"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_NE(said.out.find("as they were written"), std::string::npos) << said.out;
  EXPECT_NE(tandem(folder, {"inspect", "model.safetensors"}).out.find("checksums: verified"), std::string::npos);
  auto bytes = read_file(folder / "model.safetensors");
  bytes.back() ^= 4;
  folder.write("flipped.safetensors", bytes);
  said = tandem(folder, {"inspect", "--verify", "flipped.safetensors"});
  EXPECT_EQ(said.code, 3);
  EXPECT_NE(said.err.find("is damaged"), std::string::npos) << said.err;
  Rng rng(1, "others");
  folder.write("others.safetensors", draft(rng).bytes());
  said = tandem(folder, {"inspect", "--verify", "others.safetensors"});
  EXPECT_EQ(said.code, 3);
  EXPECT_NE(said.err.find("has no checksums"), std::string::npos) << said.err;
}

}  // namespace
}  // namespace tandem::testing
