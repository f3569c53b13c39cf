#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/base/text.h>
#include <tandem/nn/inference.h>
#include <tandem/people/attribution.h>
#include <tandem/people/explain_table.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace tandem::people {
namespace {

constexpr int64_t batch_rows = 4096;

const tasks::TableInput& table_input(const tasks::Classifier& model) {
  if (const auto* input = std::get_if<tasks::TableInput>(&model.input)) return *input;
  fail("explain", "this network does {}: it takes no rows of a table", tasks::task_of(model.input));
}

// Where each column stands in an encoded row.
struct Place {
  std::string column;
  int64_t begin = 0, size = 0;
};
std::vector<Place> places(const tasks::TableInput& input) {
  std::vector<Place> out;
  int64_t at = 0;
  for (const auto& [column, size] : input.parts()) {
    out.push_back({column, at, size});
    at += size;
  }
  return out;
}

void copy_part(const Place& place, const float* from, float* into) {
  std::copy_n(from + place.begin, place.size, into + place.begin);
}

// Calibrated probabilities of all classes for encoded rows.
class Asked {
 public:
  explicit Asked(const tasks::Classifier& model) : model_(model), ready_(nn::for_inference(model.net)) {}

  [[nodiscard]] std::vector<float> operator()(const Tensor& rows) const {
    std::vector<float> out;
    for (int64_t first = 0; first < rows.size(0); first += batch_rows) {
      const Tensor part = rows.rows(first, std::min(first + batch_rows, rows.size(0)));
      const Tensor p = model_.calibrated(model_.outputs(ready_, tasks::Batch{part}).probabilities);
      out.insert(out.end(), p.data<const float>().begin(), p.data<const float>().end());
    }
    return out;
  }

 private:
  const tasks::Classifier& model_;
  nn::Sequential ready_;
};

std::vector<int64_t> some_rows(int64_t rows, int64_t count, uint64_t seed) {
  std::vector<int64_t> out = Rng(seed, "background").permutation(rows);
  out.resize(static_cast<size_t>(std::min(count, rows)));
  return out;
}

void check_class(const tasks::Classifier& model, int64_t target) {
  if (target >= std::ssize(model.classes))
    fail("explain", "class {} is asked for, there are {}", target, model.classes.size());
}

std::string text_of(const data::Table& table, const std::string& column, int64_t row) {
  const std::string text = table.columns[static_cast<size_t>(table.column(column))].text(row);
  return text.empty() ? "missing" : text;
}

}  // namespace

RowExplanation explain_row(const tasks::Classifier& model, const data::Table& table, int64_t row,
                           const data::Table& training, const RowOptions& options) {
  const tasks::TableInput& input = table_input(model);
  check_class(model, options.target);
  if (row < 0 || row >= table.rows()) fail("explain", "row {} of {} is asked for", row, table.rows());
  const std::vector<Place> columns = places(input);
  const int64_t players = std::ssize(columns), width = input.width();
  const size_t classes = model.classes.size();
  const Tensor own = make_batch(input, table, std::vector<int64_t>{row});
  const Tensor others = make_batch(input, training, some_rows(training.rows(), options.background, options.seed));
  const int64_t count = others.size(0);
  if (count == 0) fail("explain", "there are no training rows to compare with");
  const Asked ask(model);

  RowExplanation out;
  const std::vector<float> answer = ask(own);
  out.target = options.target >= 0 ? static_cast<int32_t>(options.target) : model.answer(answer);
  const auto target = static_cast<size_t>(out.target);
  const SetFunction worth = [&](std::span<const uint8_t> coalitions, int64_t n) {
    const int64_t sets = std::ssize(coalitions) / n;
    std::vector<double> values;
    const int64_t at_once = std::max<int64_t>(1, batch_rows * 4 / count);  // sets whose rows are held in memory
    for (int64_t first = 0; first < sets; first += at_once) {
      const int64_t here = std::min(at_once, sets - first);
      Tensor rows = Tensor::empty({here * count, width});
      float* into = rows.data<float>().data();
      for (int64_t s = 0; s < here; ++s)
        for (int64_t b = 0; b < count; ++b, into += width) {
          std::copy_n(others.data<const float>().data() + b * width, width, into);
          for (int64_t c = 0; c < n; ++c)
            if (coalitions[static_cast<size_t>((first + s) * n + c)])
              copy_part(columns[static_cast<size_t>(c)], own.data<const float>().data(), into);
        }
      const std::vector<float> p = ask(rows);
      for (int64_t s = 0; s < here; ++s) {
        double sum = 0;
        for (int64_t b = 0; b < count; ++b)
          sum += static_cast<double>(p[static_cast<size_t>(s * count + b) * classes + target]);
        values.push_back(sum / static_cast<double>(count));
      }
    }
    return values;
  };
  out.exact = players <= options.exact_up_to;
  Shapley shapley;
  if (out.exact)
    shapley = {shapley_exact(worth, players), std::vector<double>(columns.size(), 0)};
  else
    shapley = shapley_sampled(worth, players, options.permutations, options.seed);
  std::vector<uint8_t> nobody(columns.size(), 0);
  out.usual = worth(nobody, players)[0];
  out.probability = static_cast<double>(answer[target]);
  for (size_t c = 0; c < columns.size(); ++c)
    out.parts.push_back(
        {columns[c].column, text_of(table, columns[c].column, row), shapley.values[c], shapley.errors[c]});
  std::ranges::stable_sort(out.parts, std::greater<>(), [](const auto& part) { return std::abs(part.adds); });
  return out;
}

namespace {

// A value that a column may take instead: as a training row has it.
struct Choice {
  int64_t training_row = 0;
  double cost = 0;  // from the row that is changed
};

std::vector<Choice> choices(const tasks::TableInput& input, const std::string& name, const data::Table& table,
                            int64_t row, const data::Table& training, int64_t values) {
  const data::Column& column = training.columns[static_cast<size_t>(training.column(name))];
  const data::Column& own = table.columns[static_cast<size_t>(table.column(name))];
  std::vector<Choice> out;
  if (!column.numeric()) {
    std::map<std::string, int64_t> words;
    for (int64_t r = 0; r < training.rows(); ++r)
      if (!column.is_missing(r)) words.emplace(column.text(r), r);
    for (const auto& [word, r] : words)
      if (word != own.text(row)) out.push_back({r, 1});
  } else {
    const auto scale = std::ranges::find(input.number_columns, name, &tasks::NumberInput::name);
    std::map<double, int64_t> numbers;
    for (int64_t r = 0; r < training.rows(); ++r)
      if (!column.is_missing(r)) numbers.emplace(column.numbers[static_cast<size_t>(r)], r);
    const double from = own.is_missing(row) ? scale->fill : own.numbers[static_cast<size_t>(row)];
    for (const auto& [number, r] : numbers)
      if (own.is_missing(row) || number != from) out.push_back({r, std::abs(number - from) / scale->std});
  }
  if (std::ssize(out) <= values) return out;
  std::vector<Choice> spread;
  for (int64_t i = 0; i < values; ++i)
    spread.push_back(out[static_cast<size_t>(i * (std::ssize(out) - 1) / std::max<int64_t>(values - 1, 1))]);
  return spread;
}

// A row with some changes, on the way of the search.
struct Changed {
  std::vector<std::pair<size_t, Choice>> changes;  // column, value
  double cost = 0, probability = 0;
  bool reached = false;
};

}  // namespace

Counterfactual counterfactual(const tasks::Classifier& model, const data::Table& table, int64_t row,
                              const data::Table& training, const CounterfactualOptions& options) {
  const tasks::TableInput& input = table_input(model);
  check_class(model, options.target);
  if (row < 0 || row >= table.rows()) fail("explain", "row {} of {} is asked for", row, table.rows());
  for (const std::string& name : options.fixed) (void)table.column(name);
  const std::vector<Place> columns = places(input);
  const int64_t width = input.width();
  const size_t classes = model.classes.size();
  const Asked ask(model);
  const Tensor own = make_batch(input, table, std::vector<int64_t>{row});
  std::vector<int64_t> all_rows(static_cast<size_t>(training.rows()));
  std::iota(all_rows.begin(), all_rows.end(), int64_t{0});
  const Tensor known = make_batch(input, training, all_rows);

  const std::vector<float> before = ask(own);
  const int32_t answer = model.answer(before);
  Counterfactual out;
  out.target = static_cast<int32_t>(options.target);
  if (options.target < 0) {
    int32_t best = answer == 0 ? 1 : 0;
    for (int32_t c = 0; c < std::ssize(model.classes); ++c)
      if (c != answer && before[static_cast<size_t>(c)] > before[static_cast<size_t>(best)]) best = c;
    out.target = best;
  }
  out.probability = static_cast<double>(before[static_cast<size_t>(out.target)]);
  if (out.target == answer) {
    out.found = true;  // nothing need change
    return out;
  }
  std::vector<std::vector<Choice>> possible;
  for (const Place& place : columns)
    possible.push_back(std::ranges::find(options.fixed, place.column) != options.fixed.end()
                           ? std::vector<Choice>{}
                           : choices(input, place.column, table, row, training, options.values));

  constexpr size_t beam = 12;
  std::vector<Changed> from(1);
  Changed best;
  best.probability = out.probability;
  for (int64_t step = 0; step < options.most && !best.reached; ++step) {
    std::vector<Changed> next;
    for (const Changed& base : from)
      for (size_t c = 0; c < columns.size(); ++c) {
        if (std::ranges::any_of(base.changes, [&](const auto& change) { return change.first == c; })) continue;
        for (const Choice& choice : possible[c]) {
          Changed more = base;
          more.changes.emplace_back(c, choice);
          more.cost += choice.cost;
          next.push_back(std::move(more));
        }
      }
    if (next.empty()) break;
    for (size_t first = 0; first < next.size(); first += batch_rows) {
      const size_t here = std::min<size_t>(batch_rows, next.size() - first);
      Tensor rows = Tensor::empty({static_cast<int64_t>(here), width});
      for (size_t i = 0; i < here; ++i) {
        float* into = rows.data<float>().data() + static_cast<int64_t>(i) * width;
        std::copy_n(own.data<const float>().data(), width, into);
        for (const auto& [c, choice] : next[first + i].changes)
          copy_part(columns[c], known.data<const float>().data() + choice.training_row * width, into);
      }
      const std::vector<float> p = ask(rows);
      for (size_t i = 0; i < here; ++i) {
        const std::span<const float> one(&p[i * classes], classes);
        next[first + i].probability = static_cast<double>(one[static_cast<size_t>(out.target)]);
        next[first + i].reached = model.answer(one) == out.target;
      }
    }
    for (const Changed& c : next) {
      const bool better = c.reached != best.reached ? c.reached
                          : c.reached               ? c.cost < best.cost
                                                    : c.probability > best.probability;
      if (better) best = c;
    }
    // What gains most for its cost goes on.
    std::ranges::stable_sort(next, std::greater<>(),
                             [&](const Changed& c) { return (c.probability - out.probability) / (0.25 + c.cost); });
    next.resize(std::min(next.size(), beam));
    from = std::move(next);
  }
  out.found = best.reached;
  out.probability = best.probability;
  out.distance = best.cost;
  for (const auto& [c, choice] : best.changes)
    out.changes.push_back({columns[c].column, text_of(table, columns[c].column, row),
                           text_of(training, columns[c].column, choice.training_row)});
  return out;
}

}  // namespace tandem::people
