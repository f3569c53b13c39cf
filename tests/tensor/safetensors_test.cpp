#include <tandem/base/random.h>
#include <tandem/tensor/safetensors.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

const fs::path fixtures = fs::path(TANDEM_SOURCE_DIR) / "tests/tensor/fixtures";

void expect_same(const Tensor& a, const Tensor& b, const std::string& name) {
  ASSERT_TRUE(a.defined() && b.defined()) << name;
  EXPECT_EQ(a.dtype(), b.dtype()) << name;
  ASSERT_EQ(a.shape(), b.shape()) << name;
  EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.byte_count()), 0) << name;
}

/// One tensor of each type with the values at its edges, and shapes without axes and without elements.
TensorFile every_type() {
  using std::numeric_limits;
  TensorFile file;
  file.tensors = {
      {"f32", Tensor::from<float>({0.0F, -0.0F, 1.5F, INFINITY, -INFINITY, numeric_limits<float>::min() / 4}, {2, 3})},
      {"f64", Tensor::from<double>({1.0 / 3, -1e300}, {2})},
      {"i32", Tensor::from<int32_t>({numeric_limits<int32_t>::min(), numeric_limits<int32_t>::max()}, {2})},
      {"i64", Tensor::from<int64_t>({numeric_limits<int64_t>::min(), numeric_limits<int64_t>::max()}, {2, 1, 1})},
      {"u8", Tensor::empty({256}, DType::u8)},
      {"scalar", Tensor::full({}, 7)},
      {"empty", Tensor::zeros({0, 3})},
  };
  uint8_t next = 0;
  for (uint8_t& value : file.tensors[4].second.data<uint8_t>()) value = next++;
  file.metadata = {{"made by", "safetensors"}, {"text", "ü\n\"quoted\""}};
  return file;
}

TEST(Safetensors, RoundTripOfEveryType) {
  const TensorFile file = every_type();
  const Folder folder;
  write_safetensors(folder / "all", file);
  const TensorFile back = read_safetensors(folder / "all");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) expect_same(back.find(name), tensor, name);
  EXPECT_FALSE(back.find("none").defined());
  EXPECT_EQ(format_safetensors(back).size(), read_file(folder / "all").size());

  const TensorFile none = parse_safetensors(format_safetensors({}), "none");
  EXPECT_TRUE(none.tensors.empty() && none.metadata.empty());
}

TEST(Safetensors, DataStartsAtAMultipleOf64) {
  for (size_t length = 1; length < 70; ++length) {
    const auto bytes = format_safetensors({{{std::string(length, 'n'), Tensor::zeros({3})}}, {}});
    uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ((8 + header) % 64, 0U);
    EXPECT_EQ(bytes.size(), 8 + header + 12);
  }
}

TEST(Safetensors, ReadsWhatThePythonPackageWrote) {
  const TensorFile file = read_safetensors(fixtures / "types.safetensors"), expected = every_type();
  EXPECT_EQ(file.metadata, expected.metadata);
  ASSERT_EQ(file.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) expect_same(file.find(name), tensor, name);
}

TEST(Safetensors, WidensHalfTypes) {
  const TensorFile file = read_safetensors(fixtures / "half.safetensors");
  for (const char* name : {"f16", "bf16"}) {
    EXPECT_GT(file.find(name).numel(), 400);
    expect_same(file.find(name), file.find(std::string(name) + ".wide"), name);
  }
}

TEST(Safetensors, BFloat16IsWrittenAndWidened) {
  const Tensor t = Tensor::from(std::vector<float>{1, -2.5F, 0.375F}, {3});
  const TensorFile back = parse_safetensors(format_safetensors({{{"t", t.to(DType::bf16)}}, {}}), "bytes");
  expect_same(back.find("t"), t, "t");
}

TEST(Safetensors, ThePythonPackageReadsWhatWeWrite) {
  const char* given = std::getenv("TANDEM_PYTHON");
  const std::string python = given && *given ? given : "python3";
  if (std::system((python + " -c 'import safetensors.numpy' >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << python << " has no package safetensors: name one that has with TANDEM_PYTHON";
  const Folder folder;
  write_safetensors(folder / "all.safetensors", every_type());
  folder.write("read.py", R"(
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file
a, b = load_file(sys.argv[1]), load_file(sys.argv[2])
assert a.keys() == b.keys(), (a.keys(), b.keys())
for k in a:
    assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes(), k
ours = safe_open(sys.argv[1], "np").metadata()
assert {k: v for k, v in ours.items() if not k.startswith("tandem.sha256")} == safe_open(sys.argv[2], "np").metadata()
assert len(ours) == len(a) + 1 + len(safe_open(sys.argv[2], "np").metadata()), ours
)");
  EXPECT_EQ(std::system(fmt::format("{} {} {} {}", python, (folder / "read.py").string(),
                                    (folder / "all.safetensors").string(), (fixtures / "types.safetensors").string())
                            .c_str()),
            0);
}

std::vector<uint8_t> file_of(const std::string& header, size_t data, uint64_t claimed = 0) {
  const uint64_t size = claimed ? claimed : header.size();
  std::vector<uint8_t> bytes(8 + header.size() + data);
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

TEST(Safetensors, TruthValuesAreReadAsBytes) {
  std::vector<uint8_t> bytes = file_of(R"({"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 3);
  bytes.back() = 1;
  expect_same(parse_safetensors(bytes, "bytes").find("mask"), Tensor::from(std::vector<uint8_t>{0, 0, 1}, {3}), "mask");
}

TEST(Safetensors, RefusesMalformedFiles) {
  const auto entry = [](const std::string& name, const std::string& type, const std::string& shape,
                        const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
  };
  const std::string a = entry("a", "F32", "[2]", "[0,8]");
  ASSERT_EQ(parse_safetensors(file_of("{" + a + "}", 8), "good").tensors.size(), 1U);
  const auto many = [](const std::string& text, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  struct Row {
    std::string header;
    size_t data;
    std::vector<std::string> parts;
  };
  const std::vector<Row> rows{
      {"", 0, {"header is no JSON"}},
      {"{", 0, {"header is no JSON"}},
      {"[]", 0, {"no JSON object"}},
      {"null", 0, {"no JSON object"}},
      {"{" + a + "} x", 8, {"no JSON"}},
      {"{" + a + ",}", 8, {"no JSON"}},
      {"{" + a + "," + a + "}", 8, {"'a' stands twice"}},
      {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
       8,
       {"'dtype' stands twice"}},
      {many("[", 100), 0, {"a list, but no JSON object", "at byte 9"}},
      {"{\"a\":" + many("{\"b\":", 100), 0, {"'a' has unknown key 'b'", "at byte 17"}},
      {"{\"a\":3}", 0, {"entry 'a' is no object"}},
      {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, {"'a' has no dtype"}},
      {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, {"'a' has no dtype"}},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, {"'a' has no shape"}},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, {"'a' has no shape"}},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, {"'a' has no pair of data_offsets"}},
      {"{" + entry("a", "F32", "[2]", "[0]") + "}", 8, {"no pair of data_offsets"}},
      {"{" + entry("a", "F32", "[2]", "[0,8,8]") + "}", 8, {"no pair of data_offsets"}},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, {"'a' has unknown key 'x'"}},
      {"{" + entry("a", "F8_E4M3", "[2]", "[0,2]") + "}", 2, {"'a' has dtype 'F8_E4M3'", "F32, F64"}},
      {"{" + entry("a", "F4", "[2]", "[0,1]") + "}", 1, {"'a' has dtype 'F4'"}},
      {"{" + entry("a", "I16", "[2]", "[0,4]") + "}", 4, {"'a' has dtype 'I16'"}},
      {"{" + entry("a", "f32", "[2]", "[0,8]") + "}", 8, {"'a' has dtype 'f32'"}},
      {"{" + entry("a", "F32", "[-2]", "[0,8]") + "}", 8, {"'a'", "shape", "whole number"}},
      {"{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8, {"'a'", "shape", "whole number"}},
      {"{" + entry("a", "F32", "[\"2\"]", "[0,8]") + "}", 8, {"'a'", "shape", "whole number"}},
      {"{" + entry("a", "F32", "[18446744073709551615]", "[0,8]") + "}", 8, {"'a'", "shape"}},
      {"{" + entry("a", "F32", "[99999999999999999999999]", "[0,8]") + "}", 8, {"'a'", "shape"}},
      {"{" + entry("a", "F32", "[1,1,1,1,1,1,2]", "[0,8]") + "}", 8, {"'a' has 7 axes", "at most 6"}},
      {"{" + entry("a", "F32", "[4611686018427387904,2]", "[0,8]") + "}", 8, {"'a'", "impossible shape"}},
      {"{" + entry("a", "F64", "[2305843009213693952]", "[0,8]") + "}", 8, {"'a'", "impossible shape"}},
      {"{" + entry("a", "F32", "[0,4611686018427387904,4]", "[0,0]") + "}", 0, {"'a'", "impossible shape"}},
      {"{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8, {"'a' lies at 8 to 0"}},
      {"{" + entry("a", "F32", "[2]", "[-8,0]") + "}", 8, {"'a'", "data_offsets", "whole number"}},
      {"{" + entry("a", "F32", "[2]", "[0,8.5]") + "}", 8, {"'a'", "data_offsets", "whole number"}},
      {"{" + entry("a", "F32", "[2]", "[0,18446744073709551615]") + "}", 8, {"'a'", "data_offsets"}},
      {"{" + entry("a", "F32", "[2]", "[0,16]") + "}", 8, {"'a' lies at 0 to 16", "8 bytes of data"}},
      {"{" + entry("a", "F32", "[3]", "[0,8]") + "}", 8, {"'a'", "(3)", "needs 12 bytes", "span 8"}},
      {"{" + entry("a", "BF16", "[2]", "[0,8]") + "}", 8, {"'a'", "needs 4 bytes"}},
      {"{" + a + "}", 12, {"end at 8", "12 bytes"}},
      {"{}", 1, {"end at 0", "1 bytes"}},
      {"{" + a + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12, {"'b' starts at 4", "expected 8", "overlap"}},
      {"{" + a + "," + entry("b", "F32", "[2]", "[0,8]") + "}", 8, {"starts at 0", "expected 8"}},
      {"{" + a + "," + entry("b", "F32", "[1]", "[12,16]") + "}", 16, {"'b' starts at 12", "gap"}},
      {"{" + entry("a", "F32", "[2]", "[4,12]") + "}", 12, {"'a' starts at 4", "expected 0"}},
      {"{" + entry("", "F32", "[2]", "[0,8]") + "}", 8, {"name has 0 bytes"}},
      {"{" + entry(std::string(1025, 'n'), "F32", "[2]", "[0,8]") + "}", 8, {"name has 1025 bytes"}},
      {"{\"__metadata__\":3," + a + "}", 8, {"__metadata__ is no object"}},
      {"{\"__metadata__\":{\"k\":3}," + a + "}", 8, {"__metadata__ 'k' is no string"}},
      {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}," + a + "}", 8, {"'k' stands twice"}},
      {"{\"\xff\xfe\":{}}", 8, {"no JSON"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.header.substr(0, 150));
    std::vector<std::string> parts = row.parts;
    parts.insert(parts.end(), {"m.safetensors: ", "not a valid safetensors file"});
    expect_error(ErrorKind::data, parts,
                 [&] { (void)parse_safetensors(file_of(row.header, row.data), "m.safetensors"); });
  }
  const auto claims = [&](const std::vector<uint8_t>& bytes, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::data, parts, [&] { (void)parse_safetensors(bytes, "m"); });
  };
  claims({}, {"0 bytes", "at least 8"});
  claims({1, 2, 3, 4, 5, 6, 7}, {"7 bytes"});
  claims(file_of("{" + a + "}", 8, 1000), {"header at byte 0 claims 1000 bytes"});
  claims(file_of("{" + a + "}", 8, ~uint64_t{0}), {"claims 18446744073709551615 bytes"});
  claims(file_of("{" + a + "}", 8, uint64_t{1} << 40), {"claims"});
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const auto whole = format_safetensors(every_type());
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW((void)parse_safetensors(std::span(whole).first(size), "cut"), Error) << size;
}

// A flipped bit may make another valid file (a name, a number of the metadata); it must never do more than that.
TEST(Safetensors, AnyFlippedBitLoadsOrIsRefused) {
  const auto good = format_safetensors(every_type());
  uint64_t header = 0;
  std::memcpy(&header, good.data(), 8);
  int refused = 0;
  auto bytes = good;
  for (size_t bit = 0; bit < 8 * (8 + header); ++bit) {
    const auto mask = static_cast<uint8_t>(1U << bit % 8);
    bytes[bit / 8] ^= mask;
    try {
      (void)parse_safetensors(bytes, "flipped");
    } catch (const Error& e) {
      EXPECT_EQ(static_cast<int>(e.kind()), static_cast<int>(ErrorKind::data)) << e.what();
      ++refused;
    }
    bytes[bit / 8] ^= mask;
  }
  EXPECT_GT(refused, 1000);
  Rng rng(1, "noise");  // and several at once
  for (int i = 0; i < 2000; ++i) {
    bytes = good;
    for (int k = 0; k < 4; ++k)
      bytes[static_cast<size_t>(rng.below(static_cast<int64_t>(8 + header)))] = static_cast<uint8_t>(rng.below(256));
    try {
      (void)parse_safetensors(bytes, "noise");
    } catch (const Error&) {
    }
  }
}

TEST(Safetensors, WritingRefusesWhatCouldNotBeRead) {
  const Tensor t = Tensor::zeros({2});
  for (const auto& [name, tensor] : std::vector<std::pair<std::string, Tensor>>{
           {"", t}, {std::string(1025, 'n'), t}, {"__metadata__", t}, {"a", Tensor{}}})
    expect_error(ErrorKind::usage, {"cannot be written"}, [&name = name, &tensor = tensor] {
      (void)format_safetensors({{{name, tensor}}, {}});
    });
  expect_error(ErrorKind::usage, {"'a' cannot be written"}, [&] {
    (void)format_safetensors({{{"a", t}, {"a", t}}, {}});
  });
  expect_error(ErrorKind::data, {"metadata 'k' has 4194305 bytes", "could not be read back"}, [&] {
    (void)format_safetensors({{}, {{"k", std::string(4194305, 'x')}}});
  });
  TensorFile many;
  for (int i = 0; i < 65537; ++i) many.tensors.emplace_back(std::to_string(i), t);
  expect_error(ErrorKind::usage, {"65537 tensors cannot be written, at most 65536"},
               [&] { (void)format_safetensors(many); });
  expect_error(ErrorKind::data, {"UTF-8"}, [&] { (void)format_safetensors({{{"\xff", t}}, {}}); });
  expect_error(ErrorKind::data, {"UTF-8"}, [&] { (void)format_safetensors({{}, {{"k", "\xff"}}}); });
}

TEST(Safetensors, ReadingNamesTheFile) {
  const Folder folder;
  expect_error(ErrorKind::file, {"gone.safetensors", "No such file"},
               [&] { (void)read_safetensors(folder / "gone.safetensors"); });
  expect_error(ErrorKind::data, {"short.safetensors: not a valid"},
               [&] { (void)read_safetensors(folder.write("short.safetensors", "abc")); });
}

}  // namespace
}  // namespace tandem::testing
