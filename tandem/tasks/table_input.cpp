#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/tasks/table_input.h>
#include <tandem/tasks/table_numbers.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace tandem::tasks {
namespace {

constexpr double beyond = 5;            // standardised values are cut here, in standard deviations outside the range
constexpr size_t quantile_knots = 129;  // of the rank transform

/// The quantile of sorted values, linear between them.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> rising(std::vector<double> values) {
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// Horner's rule, the highest power first.
double polynomial(std::span<const double> factors, double x) {
  double out = 0;
  for (const double factor : factors) out = out * x + factor;
  return out;
}

double normal_quantile(double p) {
  using Q = NormalQuantile;
  const double tail = std::min(p, 1 - p);
  if (tail < Q::tail) {
    const double q = std::sqrt(-2 * std::log(tail));
    const double x = polynomial(Q::tail_above, q) / polynomial(Q::tail_below, q);
    return p < 0.5 ? x : -x;
  }
  const double q = p - 0.5, r = q * q;
  return polynomial(Q::middle_above, r) * q / polynomial(Q::middle_below, r);
}

/// The share of the training rows below x, from the knots of equal shares; in the middle of a run of equal knots.
double rank_of(const std::vector<double>& knots, double x) {
  const auto last = static_cast<double>(knots.size() - 1);
  const auto [first, end] = std::equal_range(knots.begin(), knots.end(), x);
  const auto at = static_cast<double>(first - knots.begin());
  if (first != end) return (at + static_cast<double>(end - first - 1) / 2) / last;
  if (first == knots.begin()) return 0;
  if (first == knots.end()) return 1;
  return (at - 1 + (x - *(first - 1)) / (*first - *(first - 1))) / last;
}

int64_t encoded_size(const std::string& numbers, const NumberInput& c) {
  return numbers == "piecewise" ? std::max<int64_t>(std::ssize(c.knots) - 1, 1) : 1;
}

/// Writes what stands for the value x (NaN: missing).
void encode(const std::string& numbers, const NumberInput& c, double x, float* into) {
  const bool missing = std::isnan(x);
  if (missing) x = c.fill;
  const int64_t size = encoded_size(numbers, c);
  if (numbers == "quantile") {
    const double margin = rank_margin(c);
    into[0] = static_cast<float>(normal_quantile(std::clamp(rank_of(c.knots, x), margin, 1 - margin)));
  } else if (numbers == "piecewise") {
    for (int64_t bin = 0; bin < size; ++bin) {
      const auto b = static_cast<size_t>(bin);
      const double share = (x - c.knots[b]) / (c.knots[b + 1] - c.knots[b]);
      into[bin] = static_cast<float>(std::clamp(share, 0.0, 1.0));
    }
  } else {
    const auto [low, high] = reach_of(c);
    into[0] = static_cast<float>((std::clamp(x, low, high) - c.mean) / c.std);
  }
  if (c.marked) into[size] = missing ? 1.0F : 0.0F;
}

NumberInput fit_number(const data::Column& column, const TableOptions& options) {
  NumberInput out{.name = column.name, .date = column.type == data::ColumnType::date};
  std::vector<double> values;
  for (const double v : column.numbers)
    if (!std::isnan(v)) values.push_back(v);
  if (values.empty()) fail(ErrorKind::data, "table", "column '{}' has no value in any training row", column.name);
  out.marked = values.size() < column.numbers.size();
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  out.mean = sum / n;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  const double deviation = std::sqrt(squares / n);
  out.std = deviation > 1e-12 * std::max(1.0, std::abs(out.mean)) ? deviation : 1.0;
  out.fill = options.fill == "mean" ? out.mean : quantile(values, 0.5);
  out.low = values.front(), out.high = values.back();
  if (options.numbers == "quantile") {
    const size_t knots = std::min(quantile_knots, values.size() + 1);
    for (size_t i = 0; i < knots; ++i)
      out.knots.push_back(quantile(values, static_cast<double>(i) / static_cast<double>(knots - 1)));
  } else if (options.numbers == "piecewise") {
    out.knots = rising(values);  // few values: a bin between each two, which tells them all apart
    if (std::ssize(out.knots) > options.bins + 1) {
      out.knots.clear();
      for (int64_t i = 0; i <= options.bins; ++i)
        out.knots.push_back(quantile(values, static_cast<double>(i) / static_cast<double>(options.bins)));
      out.knots = rising(std::move(out.knots));
    }
    if (out.knots.size() < 2) out.knots = {out.low, out.low + 1};  // one value alone
  }
  return out;
}

CategoryInput fit_category(const data::Column& column) {
  std::map<std::string, int64_t> counts;
  for (const std::string& word : column.words) ++counts[word];
  CategoryInput out{.name = column.name};
  for (const auto& [word, count] : counts)
    if (count > 1) out.values.push_back(word);  // "" among them: that no word stands there may say something
  return out;
}

const data::Column& column_of(const data::Table& table, const std::string& name, bool numeric) {
  const data::Column& column = table.columns[static_cast<size_t>(table.column(name))];
  if (column.numeric() != numeric)
    fail(ErrorKind::data, table.source, "column '{}' holds {}, the network learned {}", name,
         column.numeric() ? "numbers" : "words", numeric ? "numbers" : "words");
  return column;
}

}  // namespace

std::pair<double, double> reach_of(const NumberInput& column) {
  return {column.low - beyond * column.std, column.high + beyond * column.std};
}

double rank_margin(const NumberInput& column) { return 0.5 / static_cast<double>(column.knots.size()); }

void TableOptions::fields(Fields& f) {
  f("numbers", numbers, {"standard", "quantile", "piecewise"});
  f("bins", bins, {1, 1024});
  f("fill", fill, {"median", "mean"});
}

void NumberInput::fields(Fields& f) {
  f("name", name);
  f("date", date);
  f("fill", fill);
  f("marked", marked);
  f("mean", mean);
  f("std", std);
  f("low", low);
  f("high", high);
  f("knots", knots);
}

void CategoryInput::fields(Fields& f) {
  f("name", name);
  f("values", values);
}

namespace {

template <class T>
void list_field(Fields& f, const char* name, std::vector<T>& values) {
  f.custom(
      name,
      [&](const Config& node) {
        values.clear();
        for (const Config& item : node.items()) Fields::read(item, values.emplace_back(), name);
      },
      [&] {
        Config out = Config::list();
        for (T& value : values) out.push(Fields::write(value));
        return out;
      });
}

}  // namespace

void TableInput::fields(Fields& f) {
  f("numbers", numbers, {"standard", "quantile", "piecewise"});
  list_field(f, "number_columns", number_columns);
  list_field(f, "category_columns", category_columns);
}

void TableInput::check(const std::string& where) const {
  const auto bad = [&](const std::string& what) {
    fail(ErrorKind::data, where, "the preprocessing is not valid: {}", what);
  };
  if (number_columns.empty() && category_columns.empty()) bad("it has no columns");
  for (const NumberInput& c : number_columns) {
    if (!(c.std > 0) || !(c.low <= c.high)) bad(fmt::format("column '{}' has no scale above 0 or no range", c.name));
    if (numbers != "standard" && (c.knots.size() < 2 || !std::ranges::is_sorted(c.knots)))
      bad(fmt::format("column '{}' needs two or more rising knots", c.name));
    if (numbers == "piecewise" && rising(c.knots).size() != c.knots.size())
      bad(fmt::format("column '{}' has a bin without width", c.name));
  }
}

int64_t TableInput::width() const {
  int64_t out = 0;
  for (const Part& part : parts()) out += part.size;
  return out;
}

std::vector<TableInput::Part> TableInput::parts() const {
  std::vector<Part> out;
  for (const NumberInput& c : number_columns) out.push_back({c.name, encoded_size(numbers, c) + (c.marked ? 1 : 0)});
  for (const CategoryInput& c : category_columns) out.push_back({c.name, std::ssize(c.values) + 1});
  return out;
}

data::TableOptions TableInput::reading() const {
  data::TableOptions out;
  for (const NumberInput& c : number_columns)
    out.types[c.name] = c.date ? data::ColumnType::date : data::ColumnType::number;
  for (const CategoryInput& c : category_columns) out.types[c.name] = data::ColumnType::category;
  return out;
}

TableInput fit_input(const data::Table& training, const TableOptions& options) {
  if (training.rows() == 0) fail(ErrorKind::data, "preprocess", "the training part has no rows");
  TableInput out{.numbers = options.numbers};
  for (const data::Column& column : training.columns) {
    if (!column.used) continue;
    if (column.numeric())
      out.number_columns.push_back(fit_number(column, options));
    else if (column.type == data::ColumnType::category)
      out.category_columns.push_back(fit_category(column));
    else
      fail(ErrorKind::data, training.source, "column '{}' is of type {}, which a network for tables does not read",
           column.name, data::name_of(column.type));
  }
  if (out.number_columns.empty() && out.category_columns.empty())
    fail(ErrorKind::data, training.source, "no column is left to learn from");
  out.check(training.source);
  return out;
}

Tensor make_batch(const TableInput& input, const data::Table& table, std::span<const int64_t> rows) {
  const int64_t n = std::ssize(rows), width = input.width();
  Tensor out = Tensor::zeros({n, width});
  float* const values = out.data<float>().data();
  int64_t at = 0;
  for (const NumberInput& c : input.number_columns) {
    const data::Column& column = column_of(table, c.name, true);
    for (int64_t i = 0; i < n; ++i)
      encode(input.numbers, c, column.numbers[static_cast<size_t>(rows[static_cast<size_t>(i)])],
             values + i * width + at);
    at += encoded_size(input.numbers, c) + (c.marked ? 1 : 0);
  }
  for (const CategoryInput& c : input.category_columns) {
    const data::Column& column = column_of(table, c.name, false);
    for (int64_t i = 0; i < n; ++i) {
      const std::string& word = column.words[static_cast<size_t>(rows[static_cast<size_t>(i)])];
      const auto found = std::ranges::lower_bound(c.values, word);
      const bool known = found != c.values.end() && *found == word;
      values[i * width + at + (known ? found - c.values.begin() + 1 : 0)] = 1;
    }
    at += std::ssize(c.values) + 1;
  }
  return out;
}

void add_noise(const TableInput& input, double deviation, std::span<const int64_t> rows, const Rng& rng,
               Tensor& batch) {
  const size_t width = static_cast<size_t>(batch.size(1));
  for (size_t i = 0; i < rows.size(); ++i) {
    Rng own = rng.split(static_cast<uint64_t>(rows[i]));
    float* value = &batch.data<float>()[i * width];
    for (const NumberInput& c : input.number_columns) {
      for (int64_t k = 0; k < encoded_size(input.numbers, c); ++k)
        *value++ += static_cast<float>(deviation * own.normal());
      value += c.marked ? 1 : 0;
    }
  }
}

std::vector<std::string> unseen(const TableInput& input, const data::Table& table, int64_t row) {
  std::vector<std::string> out;
  for (const NumberInput& c : input.number_columns) {
    const data::Column& column = column_of(table, c.name, true);
    const double x = column.numbers[static_cast<size_t>(row)];
    const auto text = [&](double v) { return c.date ? data::date_text(v) : fmt::format("{:g}", v); };
    if (x < c.low || x > c.high)
      out.push_back(fmt::format("{} = {} lies outside {} to {}", c.name, text(x), text(c.low), text(c.high)));
    if (std::isnan(x) && !c.marked) out.push_back(fmt::format("{} is missing, which it never was", c.name));
  }
  for (const CategoryInput& c : input.category_columns) {
    const std::string& word = column_of(table, c.name, false).words[static_cast<size_t>(row)];
    if (!std::ranges::binary_search(c.values, word))
      out.push_back(word.empty() ? fmt::format("{} is missing, which it never was", c.name)
                                 : fmt::format("{} = '{}' is a new word", c.name, word));
  }
  return out;
}

}  // namespace tandem::tasks
