#include <tandem/base/text.h>
#include <tandem/data/table_source.h>
#include <tandem/data/text/texts.h>
#include <tandem/improve/guess_rows.h>
#include <tandem/improve/recipe_line.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace tandem::improve {
namespace {

constexpr size_t most_classes = 200;  // more are no classes of a file whose target nobody named
constexpr double sentence = 15;       // bytes of a mean value above which a column is read, not looked up

bool ends_with_any(std::string name, std::initializer_list<const char*> endings) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(
      endings, [&](const char* e) { return name.ends_with(e) || name.ends_with(e + std::string(".gz")); });
}

// The file that says what the columns are: the training part of a folder.
fs::path first_part(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  for (const char* ending : {".csv", ".tsv", ".jsonl", ".csv.gz", ".tsv.gz", ".jsonl.gz"})
    if (fs::path part = path / (std::string("train") + ending); fs::exists(part, error)) return part;
  return {};
}

double mean_length(const data::Column& c) {
  size_t bytes = 0, values = 0;
  for (const std::string& word : c.words)
    if (!word.empty()) bytes += word.size(), ++values;
  return values == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(values);
}

// Chinese has no blanks by which a sentence could be told from a word, so length and variety decide.
bool holds_texts(const data::Column& c) {
  if (c.type == data::ColumnType::text) return true;
  const std::set<std::string> distinct(c.words.begin(), c.words.end());
  return mean_length(c) > sentence && distinct.size() * 2 > c.words.size();
}

bool can_be_target(const data::Table& table, const data::Column& c) {
  if (c.type != data::ColumnType::category && c.type != data::ColumnType::number) return false;
  try {
    const size_t classes = data::labels_of(table, {c.name, {}}).classes.size();
    return classes >= 2 && classes <= most_classes && classes * 4 <= static_cast<size_t>(table.rows());
  } catch (const Error&) {
    return false;
  }
}

// Sets facts.target and facts.why.
void choose_target(const data::Table& table, const std::string& given, RowFacts& facts) {
  if (!given.empty()) {
    facts.target = table.columns[static_cast<size_t>(table.column(given))].name, facts.why = "as asked";
    return;
  }
  constexpr std::array<std::string_view, 8> usual{"label",     "class",    "target", "outcome",
                                                  "diagnosis", "category", "intent", "y"};
  for (const std::string_view name : usual)
    for (const data::Column& c : table.columns) {
      std::string lower = c.name;
      std::ranges::transform(lower, lower.begin(), [](unsigned char x) { return static_cast<char>(std::tolower(x)); });
      if (lower != name || !can_be_target(table, c)) continue;
      facts.target = c.name, facts.why = "by its name";
      return;
    }
  for (size_t i = table.columns.size(); i-- > 0;)
    if (can_be_target(table, table.columns[i])) {
      facts.target = table.columns[i].name, facts.why = "the last column that holds classes";
      return;
    }
  std::vector<std::string> names;
  for (const data::Column& c : table.columns) names.push_back(c.name);
  fail("init", "{}: no column holds classes: name the one to learn with --target; columns are {}", facts.source,
       join(names));
}

void count(const data::Splits& parts, RowFacts& facts) {
  const data::Dataset& set = parts.train;
  facts.examples = set.size(), facts.classes = set.classes;
  facts.has_validation = parts.validation.size() > 0, facts.has_test = parts.test.size() > 0;
  std::vector<int64_t> each(set.classes.size());
  for (const int32_t label : set.labels) ++each[static_cast<size_t>(label)];
  facts.least = static_cast<double>(*std::ranges::min_element(each)) / static_cast<double>(set.size());
}

// Words parted by blanks, as seen in the first texts.
bool has_blanks(const data::Texts& texts) {
  size_t bytes = 0, blanks = 0;
  for (size_t i = 0; i < std::min<size_t>(texts.size(), 500); ++i)
    bytes += texts[i].size(), blanks += static_cast<size_t>(std::ranges::count(texts[i], ' '));
  return blanks * 25 > bytes;
}

}  // namespace

bool has_rows(const fs::path& path) {
  const fs::path file = first_part(path);
  return !file.empty() && ends_with_any(file.string(), {".csv", ".tsv", ".jsonl"});
}

RowFacts look_at_rows(const std::string& path, const std::string& target) {
  RowFacts out;
  out.source = path;
  const fs::path file = first_part(path);
  if (ends_with_any(file.string(), {".jsonl"})) {  // objects: `text` and `label`, or two keys
    out.texts = true, out.target = target,
    out.why = target.empty() ? "the shorter of two keys, or `label`" : "as asked";
    const data::Splits parts = data::load_texts(path, {.label = target});
    count(parts, out);
    out.spaced = has_blanks(parts.train.texts());
    return out;
  }
  const data::Table table = data::read_table(data::Csv::read(file));
  choose_target(table, target, out);
  const data::Column* text = nullptr;
  int64_t others = 0;
  for (const data::Column& c : table.columns) {
    if (c.name == out.target) continue;
    if (holds_texts(c) && (!text || mean_length(c) > mean_length(*text)))
      text = &c;
    else if (c.type == data::ColumnType::number || c.type == data::ColumnType::category)
      ++others;
  }
  out.texts = text && others <= 1;  // one more may be a source or a year; more are a table with a remark in it
  if (out.texts) {
    out.column = text->name;
    const data::Splits parts = data::load_texts(path, {.column = out.column, .label = out.target});
    count(parts, out);
    out.spaced = has_blanks(parts.train.texts());
    return out;
  }
  data::TableSource source;
  source.target = out.target;
  const data::Splits parts = data::load_table(path, source);
  count(parts, out);
  for (const data::Column& c : parts.train.table().columns) {
    if (c.name == out.target) continue;
    if (!c.used)
      ++out.left_out;
    else
      ++(c.numeric() ? out.numbers : out.words);
  }
  if (out.numbers + out.words == 0)
    fail(ErrorKind::data, path, "no column is left to learn '{}' from: `tandem data show` says why", out.target);
  return out;
}

std::string guessed_recipe(const RowFacts& d, const std::string& name) {
  const int64_t n = d.examples;
  const bool small = n < 2000, two = d.classes.size() == 2;
  const bool intents =
      d.texts && d.classes.size() > 10;  // short texts told apart by their words more than by their tone
  const bool uneven = d.least * static_cast<double>(d.classes.size()) < 0.33;
  std::string out = fmt::format("# Made by `tandem init {}`: {} {} of {} classes.\n#   tandem train {}.yaml\n",
                                d.source, grouped(n), d.texts ? "texts" : "rows", d.classes.size(), name);
  out += line("name: " + name, "names the run's folder");
  out += line(fmt::format("task: {}_classification", d.texts ? "text" : "table"));
  out += line("seed: 1", "another seed, another training");
  out += line("data:");
  out += line("  source: " + scalar(d.source));
  if (!d.has_validation)
    out += line("  validation: 0.15", "this share of the training part is what confidence is fitted on");
  if (!d.has_test && small)
    out += line("  folds: 5", "so few: each is measured by the one of five networks that did not learn from it");
  else if (!d.has_test)
    out += line("  test_share: 0.15", "this share is measured once, at the end");
  const std::string target = d.target.empty() ? "" : scalar(d.target);
  if (d.texts) {
    out += line("  text:");
    if (!d.column.empty()) out += line("    column: " + scalar(d.column));
    if (!target.empty()) out += line("    label: " + target, "the column that is learned: " + d.why);
    const char* ngrams = !d.spaced ? "words: 3" : intents ? "words: 2, characters: [3, 5], min_count: 3" : "words: 2";
    out += line(fmt::format("    tokenizer: {{type: word, ngrams: {{{}}}}}", ngrams),
                !d.spaced ? "characters, and up to three of them in a row"
                : intents ? "words, pairs of them, and parts of them: endings, typing errors"
                          : "words, and pairs of them");
    out += line("    length: {most: 512}", "what is longer loses its end");
    out += line("  augment: {words: 0.3}", "each epoch leaves out other words: against learning by heart");
    out += line("network:");
    out += line(fmt::format("  - embedding: {{width: {}, deviation: 0.1}}", intents ? 128 : 64));
    out += line("  - pool_sequence: mean", "in which order they stand, the pairs say");
    out += line(fmt::format("  - dropout: {}", intents ? 0.3 : 0.5), "against learning by heart");
    if (intents) {
      out += line("  - linear: 256");
      out += line("  - relu");
      out += line("  - dropout: 0.3");
    }
    out += line("  - linear: classes");
  } else {
    out += line("  table:");
    out += line("    target: " + target, "the column that is learned: " + d.why);
    if (two)
      out += line(fmt::format("    classes: {{{0}: [{0}], {1}: [{1}]}}", scalar(d.classes[0]), scalar(d.classes[1])),
                  "the second one is what is to be found");
    out += line(fmt::format("    numbers: {}", small ? "standard" : "quantile"), "or standard, quantile, piecewise");
    if (small)
      out += line("network: [linear: 32, relu, dropout: 0.3, linear: classes]", "small: so few rows teach no more");
    else
      out += line("network: table_mlp", "residual blocks, made for tables");
  }
  if (uneven)
    out += line("loss: {balanced: true}",
                fmt::format("the rarest class has {:.1f} % of the examples: its errors weigh more", 100 * d.least));
  if (d.texts)
    out += line("optimizer: {type: adamw, lr: 3e-3, weight_decay: 0.01}");
  else
    out += line(fmt::format("optimizer: {{type: adamw, lr: 2e-3, weight_decay: {}}}", small ? 0.3 : 0.1));
  out += line("schedule: {type: cosine, warmup: 0.5}", "the rate rises for half an epoch, then falls to 0");
  // As many steps as a few hundred rows need, and no more than some minutes for very many.
  const int64_t batch = n < 10'000 ? 32 : 256;
  const int64_t most = d.texts ? (intents ? 200'000 : 100'000) : 400'000;  // examples seen in all
  const int64_t epochs = std::clamp<int64_t>(most / std::max<int64_t>(1, n), 6, small && !d.texts ? 300 : 30);
  out += line(fmt::format("train: {{epochs: {}, batch: {}, average: 0.99}}", epochs, batch),
              "average: a running mean of the weights is what is kept");
  out += line("people: {goal: {share: 0.1}}", "probabilities that mean what they say; a person is asked about a tenth");
  if (two && !d.texts) out += line("decision: {kind: youden}", "chooses the threshold; or sensitivity, of at `least`");
  out += line("search:", fmt::format("what `tandem tune {}.yaml` may change", name));
  out += line("  space:");
  out += line("    optimizer.lr: {low: 5e-4, high: 2e-2, log: true}");
  out += line("    optimizer.weight_decay: {low: 1e-3, high: 5, log: true}");
  if (d.texts) out += line("    data.augment.words: {low: 0, high: 0.5}");
  return out;
}

}  // namespace tandem::improve
