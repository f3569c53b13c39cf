// gzip, IDX and NPY.
#include <tandem/data/formats/gzip.h>
#include <tandem/data/formats/idx.h>
#include <tandem/data/formats/npy.h>

#include <numeric>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::Bytes;
using testing::expect_error;
using testing::TemporaryFolder;

Bytes counting(size_t n) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i * i >> 3);
  return bytes;
}

TEST(Gzip, RoundTripAndSeveralMembers) {
  for (const size_t n : {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 20}) {
    const Bytes plain = counting(n);
    EXPECT_EQ(gunzip(gzip(plain), n, "x.gz"), plain);
    Bytes twice = gzip(plain);
    const Bytes second = gzip(plain);
    twice.insert(twice.end(), second.begin(), second.end());
    twice.resize(twice.size() + 5);  // padding with zeros is allowed
    EXPECT_EQ(gunzip(twice, 2 * n, "x.gz").size(), 2 * n);
  }
  EXPECT_EQ(gzip(counting(50)), gzip(counting(50)));
}

TEST(Gzip, BadInput) {
  const Bytes good = gzip(counting(5000));
  const auto damage = [&](auto change) {
    Bytes bad = good;
    change(bad);
    return bad;
  };
  struct Case {
    Bytes bytes;
    uint64_t limit;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {{}, 10, {"x.gz", "not gzip", "empty"}},
      {{'P', 'K', 3, 4}, 10, {"not gzip", "50 4b"}},
      {good, 4999, {"x.gz", "more than the 4999 bytes"}},
      {damage([](Bytes& b) { b.resize(b.size() / 2); }), 5000, {"cut short"}},
      {damage([](Bytes& b) { b.resize(b.size() - 1); }), 5000, {"cut short"}},
      {damage([](Bytes& b) { b.resize(2); }), 5000, {"cut short"}},
      {damage([](Bytes& b) { b[b.size() - 6] ^= 1; }), 5000, {"damaged at byte", "incorrect data check"}},
      {damage([](Bytes& b) { b[2] = 7; }), 5000, {"damaged at byte"}},
      {damage([](Bytes& b) {
         b.insert(b.end(), {'j', 'u', 'n', 'k'});
       }),
       5000,
       {"4 bytes after the end"}},
  };
  for (const auto& c : cases) expect_error(ErrorKind::data, c.message, [&] { (void)gunzip(c.bytes, c.limit, "x.gz"); });
}

TEST(Gzip, AnyDamagedByteIsFoundOrHarmless) {
  const Bytes plain = counting(300);
  const Bytes good = gzip(plain);
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 0x10;
    try {
      EXPECT_EQ(gunzip(bad, 1 << 20, "x.gz"), plain) << i;  // header fields such as the time stamp
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::data));
    }
  }
}

TEST(Gzip, EveryCutIsFound) {  // also where the bytes end just as a piece of what they unpack to is full
  const Bytes good = gzip(Bytes(300'000));
  for (size_t size = 2; size < good.size(); ++size)
    expect_error(ErrorKind::data, {"cut short", fmt::format("{}; get", size)},
                 [&] { (void)gunzip(std::span(good).first(size), 300'000, "x.gz"); });
}

TEST(Gzip, BombStopsAtTheLimit) {
  const Bytes bomb = gzip(Bytes(size_t{1} << 26));  // 64 MiB of zeros in 64 KiB
  expect_error(ErrorKind::data, {"more than the 1000 bytes"}, [&] { (void)gunzip(bomb, 1000, "bomb.gz"); });
}

TEST(Idx, RoundTrip) {
  const TemporaryFolder folder;
  for (const Shape& shape : {Shape{7}, Shape{2, 3}, Shape{2, 3, 4}, Shape{2, 3, 4, 3}, Shape{0, 28, 28}})
    for (const char* name : {"a-idx", "a-idx.gz"}) {
      Tensor tensor = Tensor::empty(shape, DType::u8);
      std::iota(tensor.data<uint8_t>().begin(), tensor.data<uint8_t>().end(), uint8_t{1});
      write_idx(folder.path() / name, tensor);
      const Tensor back = read_idx(folder.path() / name);
      ASSERT_EQ(back.shape(), shape);
      EXPECT_TRUE(std::ranges::equal(back.data<uint8_t>(), tensor.data<uint8_t>()));
    }
  EXPECT_EQ(read_file(folder.path() / "a-idx.gz")[0], 0x1f);
  expect_error(ErrorKind::usage, {"write_idx", "float32"}, [&] { write_idx(folder.path() / "b", Tensor::zeros({2})); });
  for (const Shape& shape : {Shape{}, Shape{1, 1, 1, 1, 1}})
    expect_error(ErrorKind::usage, {"write_idx", "rank 1 to 4", fmt::format("{}", shape)},
                 [&] { write_idx(folder.path() / "b", Tensor::zeros(shape, DType::u8)); });
  expect_error(ErrorKind::usage, {"size 4294967296", "32 bits"}, [&] {
    write_idx(folder.path() / "b", Tensor::zeros({int64_t{1} << 32, 0}, DType::u8));
  });
  EXPECT_FALSE(fs::exists(folder.path() / "b"));
}

TEST(Idx, BadInput) {
  const Bytes good{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
  ASSERT_EQ(parse_idx(good, "x").shape(), Shape({2, 3}));
  const auto changed = [&](size_t at, uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    return bad;
  };
  struct Case {
    Bytes bytes;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {{}, {"has 0 bytes"}},
      {{0, 0, 8}, {"has 3 bytes"}},
      {{8, 2, 0, 0, 2, 0, 0, 0, 1, 2}, {"not IDX", "offset 0", "08 02 00 00"}},  // swapped byte order
      {changed(0, 1), {"not IDX"}},
      {changed(1, 1), {"not IDX", "00 01 08 02"}},
      {changed(2, 0x0d), {"not IDX", "00 00 0d 02"}},  // floats
      {changed(3, 0), {"not IDX"}},
      {changed(3, 5), {"not IDX"}},
      {Bytes(good.begin(), good.begin() + 9), {"cut short in its header", "needs 12 bytes, got 9"}},
      {Bytes(good.begin(), good.end() - 1), {"(2, 3)", "need 6 bytes", "got 5", "cut short"}},
      {changed(7, 1), {"need 3 bytes", "got 6", "too long"}},
      {{0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, {"too large"}},
      {{0, 0, 8, 4, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, {"too large"}},
      {changed(4, 0x7f), {"cut short"}},  // 2 billion rows: refused before memory is taken
  };
  for (const auto& c : cases) {
    auto message = c.message;
    message.emplace_back("some/path");
    expect_error(ErrorKind::data, message, [&] { (void)parse_idx(c.bytes, "some/path"); });
  }
  expect_error(ErrorKind::file, {"/nowhere/x", "No such file"}, [] { (void)read_idx("/nowhere/x"); });
}

TEST(Npy, RoundTrip) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.npy";
  for (const DType type : {DType::u8, DType::i32, DType::i64, DType::f32, DType::f64})
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{1, 2, 1, 2, 1, 2}, Shape{0, 4}}) {
      Tensor tensor = Tensor::full(shape, 7, type);
      write_npy(path, tensor);
      const Tensor back = read_npy(path);
      ASSERT_EQ(back.shape(), shape);
      ASSERT_EQ(back.dtype(), type);
      for (int64_t i = 0; i < back.numel(); ++i) EXPECT_EQ(back.at(i), 7);
      const Bytes bytes = read_file(path);
      EXPECT_EQ((bytes.size() - tensor.byte_count()) % 64, 0U);
    }
  expect_error(ErrorKind::usage, {"write_npy", "b.npy has no data"}, [&] { write_npy(folder.path() / "b.npy", {}); });
}

Bytes npy(const std::string& header, size_t elements, int version = 1) {
  Bytes bytes{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<uint8_t>(version), 0};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes.push_back(static_cast<uint8_t>(header.size() >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + elements, 1);
  return bytes;
}

TEST(Npy, VersionsAndSpellings) {
  for (const int version : {1, 2, 3}) {
    const Tensor t = parse_npy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", 6, version), "x");
    EXPECT_EQ(t.shape(), Shape({2, 3}));
  }
  EXPECT_EQ(parse_npy(npy("{\"shape\":(4,),\"fortran_order\":False,\"descr\":\"<i4\"}", 16), "x").at(3), 0x01010101);
  EXPECT_EQ(parse_npy(npy("{\n 'descr': '|u1',\n 'fortran_order': False,\n 'shape': (2,)\n}", 2), "x").shape(),
            Shape{2});
  EXPECT_EQ(parse_npy(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2,)}", 16), "x").shape(), Shape({2}));
}

TEST(Npy, BadInput) {
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return npy(text, 6);
  };
  Bytes cut_header = npy(good, 0);
  cut_header.resize(30);
  Bytes magic = npy(good, 6);
  magic[1] = 'X';
  Bytes cut_length = npy(good, 6, 2);
  cut_length.resize(11);
  struct Case {
    Bytes bytes;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {{}, {"not NPY"}},
      {magic, {"not NPY", "offset 0"}},
      {npy(good, 6, 9), {"version 9.0"}},
      {cut_header, {"cut short in its header"}},
      {cut_length, {"cut short in its header", "from offset 12", "ends at 11"}},
      {{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0}, {"not NPY", "9 bytes given"}},
      {npy(good, 5), {"(2, 3)", "needs 6 bytes", "got 5", "cut short"}},
      {npy(good, 7), {"got 7", "too long"}},
      {with("|u1", ">f4"), {"'>f4'", "convert"}},
      {with("|u1", "|O"), {"'|O'"}},
      {with("'|u1'", "[('a', '<f4')]"), {"header at byte", "records are not read"}},
      {with("False", "True"), {"Fortran"}},
      {with("False", "Maybe"), {"expected True or False"}},
      {with("(2, 3)", "(2, -3)"), {"size of 0 or more"}},
      {with("(2, 3)", "(2 3)"), {"',' or ')'"}},
      {with("(2, 3)", "(1,1,1,1,1,2,3)"), {"7 axes"}},
      {with("(2, 3)", "(4294967296, 4294967296)"), {"too large"}},
      {with("(2, 3)", "(0, 9223372036854775807, 9)"), {"too large"}},
      {with("(2, 3)", "(99999999999999999999,)"), {"size of 0 or more"}},
      {with("'shape'", "'shap'"), {"'shap'"}},
      {with(", 'shape': (2, 3)", ""), {"descr, fortran_order and shape"}},
      {with("'fortran_order': False, ", ""), {"descr, fortran_order and shape"}},
      {with("'fortran_order'", "fortran_order"), {"expected a quoted string"}},
      {with("False,", "False"), {"expected ',' or '}'"}},
      {npy("{'descr': '|u1", 6), {"closing quote"}},
      {npy("", 6), {"expected '{'"}},
  };
  for (const auto& c : cases) {
    auto message = c.message;
    message.emplace_back("some/path");
    expect_error(ErrorKind::data, message, [&] { (void)parse_npy(c.bytes, "some/path"); });
  }
}

}  // namespace
}  // namespace tandem::data
