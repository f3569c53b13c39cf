#include <tandem/base/config.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

struct Inner {
  double rate = 0.5;
  bool on = false;
  void fields(Fields& f) {
    f("rate", rate, {0, 1});
    f("on", on);
  }
};

struct Settings {
  std::string word = "red";
  int64_t count = 3, units = 0;
  uint64_t seed = 1;
  std::vector<int64_t> sizes;
  std::vector<double> at;
  std::vector<std::string> names;
  Inner inner;
  void fields(Fields& f) {
    f("word", word, {"red", "green", "blue"});
    f("count", count, {1, 10});
    f("units", units, {1, 100}, {"classes", 0});
    f("seed", seed);
    f("sizes", sizes, {1, 100});
    f("at", at);
    f("names", names);
    f("inner", inner);
  }
};

Settings read(const std::string& text) {
  Settings s;
  Fields::read(Config::parse(text, "s.yaml"), s, "settings");
  return s;
}

void expect_refused(const std::string& text, const std::vector<std::string>& parts) {
  SCOPED_TRACE(text.substr(0, 200));
  expect_error(ErrorKind::usage, parts, [&] { (void)read(text); });
}

TEST(Config, ReadsEachKindOfField) {
  const Settings s = read(
      "word: blue\ncount: 1e1\nunits: classes\nseed: 18446744073709551615\nsizes: 7\nat: [1, 2.5e-1]\nnames: [a, 'b "
      "c', 3]\ninner: {rate: .25, on: yes}");
  EXPECT_EQ(s.word, "blue");
  EXPECT_EQ(s.count, 10);
  EXPECT_EQ(s.units, 0);
  EXPECT_EQ(s.seed, ~uint64_t{0});
  EXPECT_EQ(s.sizes, std::vector<int64_t>{7}) << "a number stands for a list of one";
  EXPECT_EQ(s.at, (std::vector<double>{1, 0.25}));
  EXPECT_EQ(s.names, (std::vector<std::string>{"a", "b c", "3"}));
  EXPECT_EQ(s.inner.rate, 0.25);
  EXPECT_TRUE(s.inner.on);
  for (const char* yes : {"true", "yes", "on"})
    EXPECT_TRUE(read(fmt::format("inner: {{on: {}}}", yes)).inner.on) << yes;
  for (const char* no : {"false", "no", "off"}) EXPECT_FALSE(read(fmt::format("inner: {{on: {}}}", no)).inner.on) << no;
  EXPECT_EQ(read("names: one").names, std::vector<std::string>{"one"});
  EXPECT_EQ(read("seed: 1e3").seed, 1000U);
  EXPECT_EQ(read("count: 1_0").count, 10);
  EXPECT_EQ(read("green").word, "green") << "a value alone is the first field";
  EXPECT_EQ(read("").count, 3) << "nothing leaves the defaults";
  EXPECT_EQ(read("count: ").count, 3);
  EXPECT_EQ(read("inner: 0.75").inner.rate, 0.75);
}

TEST(Config, MessagesSayWhereWhatAndWhatInstead) {
  expect_refused("word: red\ncuont: 3",
                 {"s.yaml:2:", "settings", "unknown key 'cuont'", "did you mean 'count'", "valid: word, count"});
  expect_refused("inner:\n  rate: 0.1\n  onn: yes", {"s.yaml:3:", "inner: unknown key 'onn'", "did you mean 'on'"});
  expect_refused("zzzzzzzzz: 3", {"unknown key 'zzzzzzzzz'; valid"});
  expect_refused("word: 1\n", {"s.yaml:1:7", "'1' is not known"});
  expect_refused("word: gren", {"s.yaml:1:7", "did you mean 'green'", "valid: red, green, blue"});
  expect_refused("\n\n  count:   11", {"s.yaml:3:12", "settings.count", "11", "1 to 10"});
  expect_refused("count: 0", {"0 is outside the valid range 1 to 10"});
  expect_refused("count: 2.5", {"expected a whole number, got '2.5'"});
  expect_refused("count: two", {"expected a whole number, got 'two'"});
  expect_refused("count: ''", {"expected a whole number, got ''"});
  expect_refused("count: 99999999999999999999", {"s.yaml:1:8"});
  expect_refused("count: [1]", {"expected a whole number, got a list"});
  expect_refused("seed: -1", {"whole number, got '-1'"});
  expect_refused("seed: -1e3", {"whole number, got '-1e3'"});
  expect_refused("count: 1e0x", {"whole number, got '1e0x'"});
  expect_refused("word: [red]", {"settings.word: expected a word"});
  expect_refused("units: [1]", {"settings.units: expected a whole number, got a list"});
  expect_refused("inner: {on: [yes]}", {"inner.on: expected true or false"});
  expect_refused("units: 0", {"0 is outside"});
  expect_refused("units: klasses", {"whole number", "klasses"});
  expect_refused("sizes: [1, 200]", {"s.yaml:1:12", "200 is outside"});
  expect_refused("sizes: {a: 1}", {"list of numbers"});
  expect_refused("at: [nan]", {"a number, got 'nan'"});
  expect_refused("at: [inf]", {"a number, got 'inf'"});
  expect_refused("at: [1e999]", {"a number, got '1e999'"});
  expect_refused("at: [0x10]", {"a number"});
  expect_refused("names: {a: 1}", {"list of words"});
  expect_refused("names: [[a]]", {"single value"});
  expect_refused("inner: {on: maybe}", {"true or false, got 'maybe'"});
  expect_refused("inner: [1]", {"inner: expected keys and values, got a list"});
  expect_refused("inner: {rate: 2}", {"inner.rate", "0 to 1"});
  expect_refused("[1, 2]", {"s.yaml:1:1", "got a list"});
}

TEST(Config, WhatHasNoKeysTakesNone) {
  struct Nothing {
    void fields(Fields&) {}
  } nothing;
  expect_error(ErrorKind::usage, {"relu: unknown key 'slope'", "valid: none"},
               [&] { Fields::read(Config::parse("slope: 3", "s.yaml"), nothing, "relu"); });
  expect_error(ErrorKind::usage, {"relu takes no value"},
               [&] { Fields::read(Config::parse("3", "s.yaml"), nothing, "relu"); });
  Inner inner;
  expect_error(ErrorKind::usage, {"s.yaml:1:7", "rate: 2 is outside"},
               [&] { Fields::read(Config::parse("rate: 2", "s.yaml"), inner, ""); });
}

TEST(Config, RefusesWhatIsNoYaml) {
  expect_refused("word: red\nword: blue", {"s.yaml:2:1", "'word' stands twice"});
  expect_refused("inner: {on: yes,\n on: no}", {"s.yaml:2:2", "'on' stands twice"});
  expect_refused("word: [red", {"s.yaml:1:"});
  expect_refused("word: red\n  count: 3", {"s.yaml:2:"});
  expect_refused("word:\tred\n\tcount: 1", {"s.yaml:2:"});
  expect_refused("word: *gone", {"s.yaml:1:", "anchor"});
  expect_refused("[a]: 3", {"s.yaml:1:1", "a key must be a plain word"});
  expect_refused(std::string("word: \x01\x02", 8), {"s.yaml:1:"});
  expect_refused("word: red\nname: \"\xc3\xa9\x84\"", {"s.yaml:2: byte 0x84 is no UTF-8"});
}

// The parser must not run out of stack, memory or time, whatever the text.
TEST(Config, RefusesDepthAndFloods) {
  constexpr size_t many = 50'000;
  const auto repeat = [](const std::string& text, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; ++i) out += text;
    return out;
  };
  for (const char* piece : {"[", "{", "- ", "? ", "{a: ", "[a, ", "- ? ", "[? "})
    expect_refused(repeat(piece, many), {"s.yaml:1:"});
  expect_refused("a: " + repeat("[", 70) + repeat("]", 70), {"nested deeper than 64 levels"});
  std::string stairs;
  for (size_t i = 0; i < 700; ++i) stairs += std::string(i, ' ') + "a:\n";
  expect_refused(stairs, {"nested deeper than 64 levels"});
  expect_refused("a: &a [*a]", {"nested deeper than 64 levels"});
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  expect_refused(laughs, {"unfolds to more than 100000 values"});
  // What only looks deep is fine.
  EXPECT_EQ(
      read("# " + std::string(300, '-') + "\nword: red\nnames: ['" + std::string(200, '[') + "']").names[0].size(),
      200U);
}

TEST(Config, Overrides) {
  const auto after = [](const std::string& text, std::initializer_list<std::pair<std::string, std::string>> items) {
    Config config = Config::parse(text, "s.yaml");
    for (const auto& [key, value] : items) config.set(key, value);
    Settings s;
    Fields::read(config, s, "settings");
    return s;
  };
  EXPECT_EQ(after("count: 3", {{"count", "4"}}).count, 4);
  EXPECT_EQ(after("word: blue", {{"count", "4"}}).word, "blue");
  EXPECT_EQ(after("", {{"count", "4"}}).count, 4);
  EXPECT_EQ(after("", {{"inner.rate", "0.1"}, {"inner.on", "yes"}}).inner.rate, 0.1);
  EXPECT_TRUE(after("inner: {rate: 0.1}", {{"inner.on", "yes"}}).inner.on);
  const Settings kept = after("inner: 0.75", {{"inner.on", "yes"}});
  EXPECT_EQ(kept.inner.rate, 0.75) << "the short form's value stays";
  EXPECT_TRUE(kept.inner.on);
  EXPECT_EQ(after("inner: 0.75", {{"inner.on", "yes"}, {"inner.rate", "0.2"}}).inner.rate, 0.2);
  EXPECT_EQ(after("inner: {on: yes}", {{"inner", "0.3"}}).inner.rate, 0.3);
  EXPECT_EQ(after("sizes: [1, 2, 3]", {{"sizes.1", "20"}}).sizes, (std::vector<int64_t>{1, 20, 3}));
  EXPECT_EQ(after("sizes: [1, 2, 3]", {{"sizes", "[9]"}}).sizes, std::vector<int64_t>{9});
  EXPECT_EQ(after("count: 5", {{"count", ""}}).count, 3) << "an empty value is the default";
  EXPECT_EQ(after("names: [a]", {{"names", "[x, 'y z']"}}).names, (std::vector<std::string>{"x", "y z"}));

  const auto refused = [&](const std::string& text, const std::string& key, const std::string& value,
                           const std::vector<std::string>& parts) {
    SCOPED_TRACE(key + "=" + value);
    expect_error(ErrorKind::usage, parts, [&] { (void)after(text, {{key, value}}); });
  };
  refused("", "cuont", "4", {"unknown key 'cuont'", "did you mean 'count'"});
  refused("", "inner.rat", "4", {"unknown key 'rat'", "did you mean 'rate'"});
  refused("", "count", "abc", {"settings.count", "got 'abc'"});
  refused("", "count", "[", {"override 'count=['"});
  refused("", ".count", "4", {"override '.count=4'", "dots between keys"});
  refused("", "count.", "4", {"dots between keys"});
  refused("", "inner..rate", "4", {"dots between keys"});
  refused("sizes: [1, 2]", "sizes.2", "4", {"'sizes' is a list of 2 items", "by its number"});
  refused("sizes: [1, 2]", "sizes.x", "4", {"'sizes' is a list of 2 items"});
  refused("sizes: [1, 2]", "sizes.1x", "4", {"'sizes' is a list of 2 items"});
  refused("[1, 2]", "5", "4", {"'' is a list of 2 items"});
  refused("sizes: [1, 2]", "sizes.-1", "4", {"'sizes' is a list of 2 items"});
  refused("sizes: [1, 2]", "sizes.1", "400", {"400 is outside"});
}

TEST(Config, AnOverrideHasNoLineOfTheFile) {
  Config config = Config::parse("word: red\ncount: 3", "s.yaml");
  config.set("count", "400");
  try {
    Settings s;
    Fields::read(config, s, "settings");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("s.yaml:1"), std::string::npos) << e.what();
  }
}

TEST(Config, WrittenTextIsReadBackAsItWas) {
  Settings s;
  s.word = "green";
  s.sizes = {1, 2};
  s.at = {0.1, 1e-300, 12345678.9};
  s.seed = ~uint64_t{0};
  s.names = {"null", "~",     "true",       "no",        "",   " lead", "trail ", "- x", "a: b", "#c",
             "手写", "q\"'q", "two\nlines", "tab\there", "*a", "&a",    "!t",     "@",   "%",    "[",
             "{",    "}",     ",",          "1e5",       "0",  "\\",    "?",      "=",   "<<",   "\x7f",
             "é",    "|",     ">",          "Null",      "- ", "a #b",  "-"};
  for (const char* controls : {"back\r", "\r", "a\rb", "crlf\r\n", "\x01", "\xc2\x85 next", "\xe2\x80\xa8"})
    s.names.emplace_back(controls);
  const std::string text = Fields::write(s).str();
  Settings back = read(text);
  EXPECT_EQ(back.word, s.word);
  EXPECT_EQ(back.sizes, s.sizes);
  EXPECT_EQ(back.at, s.at);
  EXPECT_EQ(back.seed, s.seed);
  EXPECT_EQ(back.units, 0);
  EXPECT_EQ(back.names, s.names) << text;
  EXPECT_EQ(Fields::write(back).str(), text);
  for (const auto& name : s.names) {  // each by itself, so that one failure hides no other
    Settings one;
    one.names = {name};
    EXPECT_EQ(read(Fields::write(one).str()).names, one.names) << Fields::write(one).str();
  }
}

TEST(Config, LoadNamesTheFile) {
  const Folder folder;
  expect_error(ErrorKind::usage, {"bad.yaml:2:", "stands twice"},
               [&] { (void)Config::load(folder.write("bad.yaml", "a: 1\na: 2\n")); });
  expect_error(ErrorKind::file, {"gone.yaml", "No such file"}, [&] { (void)Config::load(folder / "gone.yaml"); });
  expect_error(ErrorKind::file, {"big.yaml", "at most"},
               [&] { (void)Config::load(folder.write("big.yaml", std::string(2 << 20, 'x'))); });
  expect_error(ErrorKind::usage, {"a=b.yaml:2:"}, [&] {
    Settings s;
    Fields::read(Config::load(folder.write("a=b.yaml", "\ncount: x\n")), s, "settings");
  });
}

}  // namespace
}  // namespace tandem::testing
