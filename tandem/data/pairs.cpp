#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/base/text.h>
#include <tandem/data/catalog.h>
#include <tandem/data/formats/csv.h>
#include <tandem/data/formats/jsonl.h>
#include <tandem/data/formats/lines.h>
#include <tandem/data/pairs.h>
#include <tandem/data/text/unicode.h>

#include <algorithm>
#include <cmath>

namespace tandem::data {
namespace {

const std::string named = "multi30k";

bool is_blank(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (!is_space(next_character(text, at))) return false;
  return true;
}

void add(Pairs& to, std::string source, std::string target, const std::string& source_at,
         const std::string& target_at) {
  for (const auto& [text, where] : {std::pair{&source, &source_at}, std::pair{&target, &target_at}})
    if (is_blank(*text))
      fail(ErrorKind::data, *where, "the text is empty: fill it, or remove it together with its translation");
  to.source.push_back(std::move(source)), to.target.push_back(std::move(target));
}

/// BASE.language or BASE.language.gz; none when neither is there.
fs::path file_of(const fs::path& base, const std::string& language) {
  std::error_code error;
  for (const char* packed : {"", ".gz"})
    if (fs::path path = base.string() + "." + language + packed; fs::is_regular_file(path, error)) return path;
  return {};
}

/// The pairs of two files; none when neither is there.
Pairs read_files(const fs::path& base, const PairOptions& o) {
  const fs::path from = file_of(base, o.from), to = file_of(base, o.to);
  if (from.empty() && to.empty()) return {};
  if (from.empty() || to.empty())
    fail(ErrorKind::file, (from.empty() ? to : from).string(), "stands alone: {}.{} is not there (nor is it with .gz)",
         base.string(), from.empty() ? o.from : o.to);
  Pairs out;
  LineReader source(from), target(to);
  for (std::string a, b;;) {
    const bool first = source.next(a), second = target.next(b);
    if (!first && !second) return out;
    if (first != second)
      fail(ErrorKind::data, fmt::format("{}:{}", (first ? from : to).string(), (first ? source : target).line()),
           "has no partner: {} ends before it, and line by line one must be the translation of the other",
           (first ? to : from).string());
    add(out, a, b, fmt::format("{}:{}", from.string(), source.line()),
        fmt::format("{}:{}", to.string(), target.line()));
  }
}

Pairs read_table(const fs::path& path, const PairOptions& o) {
  const fs::path bare = path.extension() == ".gz" ? path.stem() : path;
  const auto at = [&](int64_t line) { return fmt::format("{}:{}", path.string(), line); };
  Pairs out;
  if (bare.extension() == ".jsonl" || bare.extension() == ".ndjson") {
    read_jsonl(path, {o.from, o.to}, [&](const std::vector<std::string>& values, int64_t line) {
      add(out, values[0], values[1], at(line), at(line));
    });
    return out;
  }
  const Csv csv = Csv::read(path, {.header = CsvHeader::yes});
  const int64_t from = csv.column(o.from), to = csv.column(o.to);
  for (int64_t row = 0; row < csv.rows(); ++row)
    add(out, std::string(csv.cell(row, from)), std::string(csv.cell(row, to)), at(csv.line(row)), at(csv.line(row)));
  return out;
}

PairParts read_folder(const fs::path& folder, const PairOptions& o) {
  const auto part = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (Pairs pairs = read_files(folder / name, o); pairs.size() > 0) return pairs;
    return Pairs{};
  };
  PairParts out{part({"train"}), part({"valid", "val", "validation", "dev"}), part({"test", "test_2016_flickr"})};
  if (out.train.size() == 0)
    fail(ErrorKind::file, folder.string(),
         "has no pairs in train.{0} and train.{1}: a folder of translations has train, valid and test, each with .{0} "
         "and .{1}",
         o.from, o.to);
  return out;
}

PairParts read_parts(const std::string& source, const PairOptions& o) {
  std::error_code error;
  if (source == named) {
    for (const std::string& language : {o.from, o.to})
      if (language != "de" && language != "en")
        fail("data", "{} has de and en, not '{}': set data.from and data.to", named, language);
    const auto entry = std::ranges::find(catalog(), named, &CatalogEntry::name);
    const fs::path home = o.data_folder.empty() ? data_folder("") : o.data_folder;
    if (!is_present(*entry, home))
      fail(ErrorKind::file, named,
           "is not in {} (looked for {}): put the files there by hand, or name another folder with --data or "
           "TANDEM_DATA",
           (home / entry->folder).string(), join(entry->files));
    return read_folder(home / entry->folder, o);
  }
  if (fs::is_directory(source, error)) return read_folder(source, o);
  if (fs::exists(source, error)) {
    if (!is_text_file(source))
      fail(ErrorKind::data, source,
           "is of no format with pairs: expected .csv, .tsv or .jsonl, a folder, or what the names of two files have "
           "in common");
    return {read_table(source, o), {}, {}};
  }
  if (!file_of(source, o.from).empty() || !file_of(source, o.to).empty()) return {read_files(source, o), {}, {}};
  const std::string near = nearest_name(source, {named});
  fail("data.source", "'{0}' is neither {1} nor a path{2}, nor are there {0}.{3} and {0}.{4}", source, named,
       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), o.from, o.to);
}

/// Takes `count` of them away, drawn from `rng`.
Pairs split_off(Pairs& from, int64_t count, Rng rng) {
  std::vector<bool> taken(from.source.size());
  const std::vector<int64_t> order = rng.permutation(from.size());
  for (int64_t i = 0; i < count; ++i) taken[static_cast<size_t>(order[static_cast<size_t>(i)])] = true;
  Pairs rest, out;
  for (size_t i = 0; i < taken.size(); ++i) {
    Pairs& to = taken[i] ? out : rest;
    to.source.push_back(std::move(from.source[i])), to.target.push_back(std::move(from.target[i]));
  }
  from = std::move(rest);
  return out;
}

}  // namespace

PairParts find_pairs(const std::string& source, const PairOptions& o) {
  if (o.from.empty() || o.to.empty())
    fail("data", "{} is missing: name the languages, as in from: de and to: en",
         o.from.empty() ? "data.from" : "data.to");
  if (o.from == o.to) fail("data", "data.from and data.to are both '{}': a translation has two languages", o.from);
  if (!(o.validation >= 0 && o.test_share >= 0 && o.validation + o.test_share < 1))
    fail("data", "validation {} and test_share {} leave nothing to learn from", o.validation, o.test_share);
  PairParts out = read_parts(source, o);
  if (out.train.size() == 0) fail(ErrorKind::data, source, "holds no pair");
  const auto whole = static_cast<double>(out.train.size());
  const auto divide = [&](Pairs& part, double share, const char* name) {
    if (part.size() > 0 || share == 0) return;
    const auto count = std::max<int64_t>(1, std::llround(share * whole));
    if (count >= out.train.size())
      fail(ErrorKind::data, source, "has {} pairs, too few for a {} part of {}: give more, or set its share to 0",
           static_cast<int64_t>(whole), name, count);
    part = split_off(out.train, count, Rng(o.seed, "pairs").split(name));
  };
  divide(out.test, o.test_share, "test");
  divide(out.validation, o.validation, "validation");
  return out;
}

Pairs at_most(Pairs pairs, int64_t most, uint64_t seed) {
  if (most == 0 || most >= pairs.size()) return pairs;
  return split_off(pairs, most, Rng(seed, "limit"));
}

}  // namespace tandem::data
