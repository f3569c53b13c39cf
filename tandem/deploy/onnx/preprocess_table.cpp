#include <tandem/deploy/onnx/preprocess.h>
#include <tandem/tasks/table_numbers.h>

#include <numeric>

namespace tandem::deploy::onnx {
namespace {

using Numbers = std::vector<double>;

// Numbers of a column are calculated in double, as tasks/table_input does it.
Value constant(const Scope& s, const char* name, double value) {
  return s.tensor(name, Tensor::full({}, value, DType::f64));
}
Value constants(const Scope& s, const char* name, const Numbers& values) {
  return s.tensor(name, Tensor::from(values, {std::ssize(values)}));
}
Value between(const Scope& s, const Value& x, double low, double high) {
  return s.add("Clip", {x, constant(s, "low", low), constant(s, "high", high)});
}

Value standard(const Scope& s, const tasks::NumberInput& c, const Value& x) {
  const auto [low, high] = tasks::reach_of(c);
  const Value centred = s.add("Sub", {between(s, x, low, high), constant(s, "mean", c.mean)});
  return s.add("Div", {centred, constant(s, "std", c.std)});
}

// How much of each bin lies below x.
Value piecewise(const Scope& s, const tasks::NumberInput& c, const Value& x) {
  Numbers starts(c.knots.begin(), c.knots.end() - 1), sizes;
  for (size_t i = 1; i < c.knots.size(); ++i) sizes.push_back(c.knots[i] - c.knots[i - 1]);
  const Value behind = s.add("Sub", {x, constants(s, "starts", starts)});
  return between(s, s.add("Div", {behind, constants(s, "sizes", sizes)}), 0, 1);
}

// The share of the training rows below x: linear between the knots, in the middle of a run of knots that x equals.
Value rank(const Scope& s, const tasks::NumberInput& c, const Value& x) {
  const Value knots = constants(s, "knots", c.knots);
  const auto last = static_cast<double>(c.knots.size() - 1);
  const auto count = [&](const char* relation) {
    return s.add("ReduceSum", {s.cast(s.add(relation, {knots, x}), Type::f64), s.list({1})});
  };
  const Value below = count("Less"), reached = count("LessOrEqual");
  const Value run =
      s.add("Div", {s.add("Sub", {s.add("Add", {below, reached}), constant(s, "one", 1)}), constant(s, "two", 2)});
  const Value at = s.add(
      "Clip", {s.add("Sub", {below, constant(s, "one", 1)}), constant(s, "first", 0), constant(s, "last", last - 1)});
  const Value index = s.cast(at, Type::i64);
  const Value left = s.add("Gather", {knots, index}),
              right = s.add("Gather", {knots, s.add("Add", {index, s.whole(1)})});
  const Value share = s.add("Div", {s.add("Sub", {x, left}), s.add("Sub", {right, left})});
  const Value place = s.add("Where", {s.add("Greater", {reached, below}), run, s.add("Add", {at, share})});
  return s.add("Div", {place, constant(s, "knot_count", last)});
}

Value polynomial(const Scope& s, const std::string& name, std::span<const double> factors, const Value& x) {
  Value out = s.tensor(name + "0", Tensor::full({}, factors[0], DType::f64));
  for (size_t i = 1; i < factors.size(); ++i)
    out = s.add("Add", {s.add("Mul", {out, x}),
                        s.tensor(fmt::format("{}{}", name, i), Tensor::full({}, factors[i], DType::f64))});
  return out;
}

// See tasks::NormalQuantile.
Value quantile(const Scope& s, const tasks::NumberInput& c, const Value& x) {
  using Q = tasks::NormalQuantile;
  const double margin = tasks::rank_margin(c);
  const Value p = between(s, rank(s, c, x), margin, 1 - margin), half = constant(s, "half", 0.5);
  const Value tail = s.add("Min", {p, s.add("Sub", {constant(s, "one", 1), p})});
  const Value q = s.add("Sqrt", {s.add("Mul", {s.add("Log", {tail}), constant(s, "minus_two", -2)})});
  const Value lower =
      s.add("Div", {polynomial(s, "tail_above", Q::tail_above, q), polynomial(s, "tail_below", Q::tail_below, q)});
  const Value tails = s.add("Where", {s.add("Less", {p, half}), lower, s.add("Neg", {lower})});
  const Value middle = s.add("Sub", {p, half}), square = s.add("Mul", {middle, middle});
  const Value above = s.add("Mul", {polynomial(s, "middle_above", Q::middle_above, square), middle});
  const Value inner = s.add("Div", {above, polynomial(s, "middle_below", Q::middle_below, square)});
  return s.add("Where", {s.add("Less", {tail, constant(s, "tail", Q::tail)}), tails, inner});
}

Value number_column(Graph& graph, const tasks::NumberInput& c, const std::string& numbers, size_t at) {
  const Scope s = Scope(graph).within(fmt::format("input.{}.", at));
  const Value given = graph.input(c.name, Type::f64, {"batch", 1});
  const Value missing = s.add("IsNaN", {given});
  const Value x = s.add("Where", {missing, constant(s, "fill", c.fill), given});
  const Value encoded = s.cast(numbers == "quantile"    ? quantile(s, c, x)
                               : numbers == "piecewise" ? piecewise(s, c, x)
                                                        : standard(s, c, x),
                               Type::f32);
  return c.marked ? s.add("Concat", {encoded, s.cast(missing, Type::f32)}, {{"axis", int64_t{1}}}) : encoded;
}

// One input for each word; the first for all others.
Value word_column(Graph& graph, const tasks::CategoryInput& c, size_t at) {
  const std::string name = fmt::format("input.{}.", at);
  const Value word = graph.input(c.name, Type::text, {"batch", 1});
  std::vector<std::string> keys = c.values;
  std::vector<int64_t> places(keys.size());
  std::iota(places.begin(), places.end(), 1);
  if (keys.empty()) keys.emplace_back(), places.push_back(0);  // the operator wants one
  const Value place =
      graph.add(name, "LabelEncoder", {word},
                {{"keys_strings", keys}, {"values_int64s", places}, {"default_int64", int64_t{0}}}, "ai.onnx.ml");
  std::vector<int64_t> all(c.values.size() + 1);
  std::iota(all.begin(), all.end(), 0);
  const Scope s = Scope(graph).within(name);
  return s.cast(s.add("Equal", {place, s.list(all)}), Type::f32);
}

}  // namespace

Flow write_rows(Graph& graph, const tasks::TableInput& input) {
  std::vector<Value> parts;
  for (const tasks::NumberInput& c : input.number_columns)
    parts.push_back(number_column(graph, c, input.numbers, parts.size()));
  for (const tasks::CategoryInput& c : input.category_columns) parts.push_back(word_column(graph, c, parts.size()));
  return {graph.add("input.", "Concat", parts, {{"axis", int64_t{1}}}), Layout::rows};
}

}  // namespace tandem::deploy::onnx
