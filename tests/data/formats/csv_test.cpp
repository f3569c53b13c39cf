// CSV and TSV.
#include <tandem/data/formats/csv.h>
#include <tandem/data/formats/gzip.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const Csv& csv) {
  Rows out;
  for (int64_t r = 0; r < csv.rows(); ++r) {
    out.emplace_back();
    for (int64_t c = 0; c < csv.columns(); ++c) out.back().emplace_back(csv.cell(r, c));
  }
  return out;
}

Csv parse(const std::string& text, const CsvOptions& options = {}) { return Csv::parse(text, "t.csv", options); }

TEST(Csv, QuotingOfRfc4180) {
  const Csv csv = parse("name,says\n\"Doe, Jane\",\"she said \"\"no\"\"\"\n\"two\nlines\",\"\"\n\"\"\"\",x\n");
  EXPECT_EQ(csv.names(), (std::vector<std::string>{"name", "says"}));
  EXPECT_EQ(rows_of(csv), (Rows{{"Doe, Jane", "she said \"no\""}, {"two\nlines", ""}, {"\"", "x"}}));
  EXPECT_EQ(csv.line(0), 2);
  EXPECT_EQ(csv.line(1), 3);
  EXPECT_EQ(csv.line(2), 5) << "the row before it takes two lines";
}

TEST(Csv, LineEndsMarkAndEmptyLines) {
  const Rows expected{{"1", "2"}, {"3", ""}};
  for (const char* text : {"a,b\n1,2\n3,\n", "a,b\r\n1,2\r\n3,", "a,b\r1,2\r3,\r",
                           "\xef\xbb\xbf"
                           "a,b\n\n1,2\n\n\n3,\n\n"}) {
    const Csv csv = parse(text);
    EXPECT_EQ(csv.names(), (std::vector<std::string>{"a", "b"})) << text;
    EXPECT_EQ(rows_of(csv), expected) << text;
  }
  EXPECT_EQ(parse("a,b\n\n\n1,2\n").line(0), 4);
  EXPECT_EQ(rows_of(parse("a,b\r\n\"x\r\ny\",2\r\n"))[0][0], "x\r\ny") << "line ends inside quotes are kept";
  EXPECT_EQ(rows_of(parse("a,b\r\n1,\"x\"\r\n2,\"y\"\r")), (Rows{{"1", "x"}, {"2", "y"}}));
  EXPECT_EQ(parse("a,b\r1,\"x\ry\"\r2,z\r").line(1), 4) << "a CR inside quotes ends a line too";
}

TEST(Csv, QuotesInsideAFieldAreLetters) {
  EXPECT_EQ(rows_of(parse("a,b\n5\" pipe,x\n")), (Rows{{"5\" pipe", "x"}}));
  EXPECT_EQ(rows_of(parse("a\tb\n\"open\tx\n", {.quotes = false})), (Rows{{"\"open", "x"}}));
}

TEST(Csv, DelimiterIsGuessed) {
  EXPECT_EQ(parse("a,b,c\n1,2,3\n").delimiter(), ',');
  EXPECT_EQ(parse("a;b\n1,5;2,5\n3,5;4,5\n").delimiter(), ';') << "commas are part of the numbers";
  EXPECT_EQ(parse("a\tb\none, two\tx\nthree\ty\n").delimiter(), '\t');
  EXPECT_EQ(parse("a|b\n1|2\n").delimiter(), '|');
  EXPECT_EQ(parse("\"a;b\",\"c\"\n\"1;2\",\"3\"\n").delimiter(), ',') << "quoted semicolons separate nothing";
  EXPECT_EQ(parse("text\nfine\nbad\n").delimiter(), ',') << "one column";
  EXPECT_EQ(parse("a;b\n1;2\n", {.delimiter = ','}).columns(), 1) << "given is not guessed";
  // A quoted field that is longer than the part that is looked at.
  EXPECT_EQ(parse("a;b\n1;\"" + std::string(200'000, 'x') + "\"\n").delimiter(), ';');
}

TEST(Csv, HeaderIsGuessed) {
  EXPECT_TRUE(parse("age,sex\n63,m\n").has_header());
  EXPECT_FALSE(parse("63,m\n67,f\n").has_header());
  EXPECT_FALSE(parse("good,pos\nbad,neg\nfine,pos\n").has_header()) << "pos comes again in its column";
  EXPECT_TRUE(parse("text,label\ngood,pos\nbad,neg\nfine,pos\n").has_header());
  EXPECT_TRUE(parse("age,ill\n63,ill\n67,well\n").has_header())
      << "a name may be a value too, where numbers stand beside";
  EXPECT_TRUE(parse(",age\n0,63\n1,67\n").has_header()) << "the first name is often left empty";
  EXPECT_EQ(parse(",age\n0,63\n1,67\n").names()[0], "column 1");
  EXPECT_FALSE(parse("age,age\nold,young\n").has_header()) << "names differ";
  EXPECT_FALSE(parse("age,\n63,m\n").has_header()) << "only the first is left empty";
  EXPECT_FALSE(parse("age,sex\n").has_header()) << "no row is left below it";
  EXPECT_TRUE(parse("岁,病\n63,病\n67,好\n").has_header()) << "words of any script";
  EXPECT_FALSE(parse("?,ill\n63,ill\n67,well\n").has_header()) << "no word: a value that is missing";
  const Csv given = parse("63,m\n67,f\n", {.names = {"age", "sex"}});
  EXPECT_EQ(given.rows(), 2);
  EXPECT_EQ(given.column("sex"), 1);
  EXPECT_EQ(parse("1,2\n3,4\n", {.header = CsvHeader::yes}).names()[1], "2");
  EXPECT_EQ(parse("a,b\nc,d\n", {.header = CsvHeader::no}).rows(), 2);
}

TEST(Csv, FilesPackedOrNot) {
  const testing::Folder folder;
  const std::string text = "a,b\n1,2\n";
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  EXPECT_EQ(rows_of(Csv::read(folder.write("plain.csv", text))), (Rows{{"1", "2"}}));
  EXPECT_EQ(rows_of(Csv::read(folder.write("packed.csv.gz", gzip(bytes)))), (Rows{{"1", "2"}}));
  expect_error(ErrorKind::file, {"absent.csv", "No such file"}, [&] { (void)Csv::read(folder / "absent.csv"); });
}

TEST(Csv, BadInputIsNamedWithItsLine) {
  struct Case {
    std::string text;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {"", {"t.csv", "no row"}},
      {"\n\r\n\n", {"no row"}},
      {"a,b\n1,2\n\"x\ny\",2\n3\n4,5,6\n", {"2 rows have not the 2 fields of line 1", "line 5 has 1, line 6 has 3"}},
      {"a,b\n1\n1\n1\n1\n1\n1\n1\n1,2\n", {"7 rows", "line 6 has 1 and 2 more"}},
      {"a,b,a\n1,2,3\n", {"columns 1 and 3 are both named 'a'", "rename"}},
      {"a,b\n1,\"2\n3,4\n", {"line 2", "field 2", "never closed"}},
      {"a,b\n1,\"2\"3\n", {"line 2", "closing quote of field 2", "twice"}},
      {"a,b\n1,caf\xe9\n", {"line 2: byte 6 of it is 0xe9", "UTF-8"}},
      {"a,b\r1,2\r\n3,\xc0\xaf\n", {"line 3: byte 3 of it is 0xc0"}},
      {std::string("a,b\n1,\0\n", 8), {"line 2: byte 3 of it is 0x00"}},
      {"\xff\xfe"
       "a",
       {"UTF-16"}},
      {"\xfe\xff"
       "a",
       {"UTF-16"}},
      {"a,b\n1,\"2\r", {"line 2", "field 2", "never closed"}},
  };
  for (const Case& c : cases) {
    CsvOptions options;
    if (c.text.starts_with("a,b,a")) options.header = CsvHeader::yes;  // it would be no header by guess
    expect_error(ErrorKind::data, c.message, [&] { (void)parse(c.text, options); });
  }
  expect_error(ErrorKind::data, {"the names of columns and no row"},
               [] { (void)parse("a,b\n", {.header = CsvHeader::yes}); });
  expect_error(ErrorKind::data, {"3 names", "2 columns"}, [] { (void)parse("1,2\n", {.names = {"a", "b", "c"}}); });
  expect_error(ErrorKind::data, {"no column 'lable'", "did you mean 'label'?", "text, label"},
               [] { (void)parse("text,label\nx,y\n").column("lable"); });
  for (const char delimiter : {'"', '\n', '\r'})
    expect_error(ErrorKind::usage, {"cannot be the delimiter"},
                 [&] { (void)parse("1,2\n", {.delimiter = delimiter}); });
}

TEST(Csv, Numbers) {
  double v = 0;
  EXPECT_TRUE(parse_number(" 63.5 ", v) && v == 63.5);
  EXPECT_TRUE(parse_number("\t7 \t", v) && v == 7);
  EXPECT_TRUE(parse_number("-1e3", v) && v == -1000);
  EXPECT_TRUE(parse_number("+2", v) && v == 2);
  EXPECT_TRUE(parse_number("1,5", v, ',') && v == 1.5);
  EXPECT_TRUE(parse_number("NaN", v) && std::isnan(v));
  EXPECT_TRUE(parse_number("-inf", v) && std::isinf(v));
  for (const char* no : {"", " ", "1,5", "1 2", "0x10", "12a", "+", "+-1", "++1", "1e999", "?"})
    EXPECT_FALSE(parse_number(no, v)) << no;
  EXPECT_FALSE(parse_number("1.500", v, ',')) << "a dot that groups thousands is not guessed at";
}

}  // namespace
}  // namespace tandem::data
