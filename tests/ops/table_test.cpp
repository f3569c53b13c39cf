#include "tests/ops/table.h"

#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/files.h>
#include <tandem/base/threads.h>
#include <tandem/ops/cast.h>

#include <cmath>
#include <cstring>
#include <map>
#include <regex>
#include <set>

namespace tandem::testing {

Draw uniform(double low, double high) {
  return [=](Rng& rng, int64_t, int64_t) { return rng.uniform(low, high); };
}

Draw away_from_zero(double high, double gap) {
  return [=](Rng& rng, int64_t, int64_t) {
    const double size = rng.uniform(gap, high);
    return rng.chance(0.5) ? size : -size;
  };
}

Draw distinct(double offset) {
  return [=](Rng&, int64_t i, int64_t n) {
    // A permutation: 7919 is prime, and n is never a multiple of it.
    return offset + 0.04 * static_cast<double>((i * 7919 + 5) % n - n / 2);
  };
}

std::string text(const Shape& shape) {
  std::string out = shape.rank() == 0 ? "scalar" : "";
  for (const int64_t n : shape) out += (out.empty() ? "" : "x") + std::to_string(n);
  return out;
}

std::vector<Case> pointwise_cases(const std::string& prefix, const Draw& draw,
                                  const std::function<Tensor(const Tensor&)>& call,
                                  const std::function<double(double)>& reference) {
  std::vector<Shape> shapes;
  for (const int64_t n : awkward_sizes) shapes.push_back({n});
  shapes.insert(shapes.end(), {Shape{}, Shape{2, 3, 5}, Shape{many}});
  std::vector<Case> cases;
  for (const Shape& shape : shapes)
    cases.push_back({prefix + text(shape),
                     {{shape, draw}},
                     [=](const std::vector<Tensor>& in) { return call(in[0]); },
                     [=](const std::vector<Array>& in) {
                       Array out(in[0].shape);
                       for (size_t i = 0; i < out.v.size(); ++i) out.v[i] = reference(in[0].v[i]);
                       return out;
                     }});
  return cases;
}

namespace {

struct Entry {
  Row row;  // without its cases
  Case test;
};

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto& family : {arithmetic_rows, activation_rows, reduce_rows, linear_rows, image_rows, norm_rows,
                             shape_rows, cast_rows, loss_rows, sequence_rows, attention_rows})
    for (Row& row : family()) rows.push_back(std::move(row));
  return rows;
}

std::vector<Entry> all_entries() {
  std::vector<Entry> entries;
  for (Row& row : all_rows()) {
    const std::vector<Case> cases = std::move(row.cases);
    row.cases.clear();
    for (const Case& test : cases) entries.push_back({row, test});
  }
  return entries;
}

// "operator+" is no name for a test.
std::string word(const std::string& operation) {
  static const std::map<std::string, std::string> words{
      {"operator+", "add"}, {"operator-", "subtract"}, {"operator*", "multiply"}, {"operator/", "divide"}};
  const auto found = words.find(operation);
  return found == words.end() ? operation : found->second;
}

std::string name_of_entry(const ::testing::TestParamInfo<Entry>& info) {
  return word(info.param.row.name) + "_" + info.param.test.name;
}

void PrintTo(const Entry& entry, std::ostream* out) { *out << entry.test.name; }

// The same numbers in either precision: all are rounded to float.
class OpTable : public ::testing::TestWithParam<Entry> {
 protected:
  // One thread, except where threads are the subject: a second one only disturbs when other programs run.
  OpTable() : threads_before_(threads()) {
    set_threads(1);
    Rng rng(7, word(GetParam().row.name) + GetParam().test.name);
    const size_t count = test().same_tensor ? 1 : test().inputs.size();
    for (size_t i = 0; i < count; ++i) {
      const Input& input = test().inputs[i];
      Array array(input.shape);
      const int64_t n = input.shape.numel();
      for (int64_t j = 0; j < n; ++j)
        array.v[static_cast<size_t>(j)] = static_cast<double>(static_cast<float>(input.draw(rng, j, n)));
      values_.push_back(std::move(array));
    }
  }

  ~OpTable() override { set_threads(threads_before_); }

  [[nodiscard]] static const Case& test() { return GetParam().test; }
  [[nodiscard]] static const Tolerance& tolerance() { return GetParam().row.tolerance; }
  static void expect_close(const Tensor& got, const Array& want, double tolerance, double slopes,
                           const std::string& what, const Tolerance& row = OpTable::tolerance());
  [[nodiscard]] size_t distinct_inputs() const { return values_.size(); }

  [[nodiscard]] Tensor tensor(const Array& array, size_t input, DType type) const {
    const Tensor wide = Tensor::from(array.v, array.shape);
    return wide.to(test().inputs[input].type == DType::f32 ? type : test().inputs[input].type);
  }
  [[nodiscard]] std::vector<Tensor> tensors(DType type) const {
    std::vector<Tensor> out;
    for (size_t i = 0; i < distinct_inputs(); ++i) out.push_back(tensor(values_[i], i, type));
    return out;
  }
  [[nodiscard]] Tensor call(std::vector<Tensor> inputs) const {
    if (test().same_tensor) inputs.resize(test().inputs.size(), inputs[0]);
    return test().call(inputs);
  }
  [[nodiscard]] Array reference() const {
    std::vector<Array> inputs = values_;
    if (test().same_tensor) inputs.resize(test().inputs.size(), inputs[0]);
    return test().reference(inputs);
  }
  // Random weights of the output: the sum of a softmax is constant, a weighted sum is not.
  [[nodiscard]] static Tensor weights(const Tensor& output) {
    Rng rng(11, "weights");
    Array array(output.shape());
    for (double& w : array.v) w = static_cast<double>(static_cast<float>(rng.uniform(-1, 1)));
    return Tensor::from(array.v, array.shape).to(output.dtype());
  }
  // The gradients of the inputs for which `wanted` says yes; the output too when asked for.
  template <class Fn>
  [[nodiscard]] std::vector<Tensor> gradients(DType type, Fn wanted, Tensor* output = nullptr) const {
    std::vector<Tensor> inputs = tensors(type);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (wanted(i) && test().inputs[i].differentiable) require_grad(inputs[i]);
    const Tensor y = call(inputs);
    if (requires_grad(y)) backward(y, weights(y));
    if (output) *output = y.detach();
    std::vector<Tensor> grads;
    for (const Tensor& input : inputs) grads.push_back(grad_of(input));
    return grads;
  }
  [[nodiscard]] bool any_gradient() const {
    for (size_t i = 0; i < distinct_inputs(); ++i)
      if (test().inputs[i].differentiable) return true;
    return false;
  }

  std::vector<Array> values_;

 private:
  int threads_before_;
};

bool all(size_t) { return true; }

void OpTable::expect_close(const Tensor& got, const Array& want, double tolerance, double slopes,
                           const std::string& what, const Tolerance& row) {
  ASSERT_EQ(got.shape(), want.shape) << what;
  double largest = 0;
  for (const double w : want.v)
    if (std::isfinite(w)) largest = std::max(largest, std::abs(w));
  const double cancelled = row.floor * largest + row.terms + test().terms + slopes;
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < want.v.size(); ++i) {
    const double value = got.at(static_cast<int64_t>(i)), w = want.v[i];
    if (value == w || (std::isnan(value) && std::isnan(w))) continue;
    // Below the smallest normal number a float has fewer digits.
    const double scale = std::abs(w) + cancelled + 1.2e-38;
    const double error = std::isfinite(value) ? std::abs(value - w) / scale : INFINITY;
    if (error > worst) worst = error, at = i;
  }
  EXPECT_LE(worst, tolerance) << what << ", element " << at << " of " << want.shape.str() << ": "
                              << got.at(static_cast<int64_t>(at)) << " where " << want.v[at] << " is expected";
}

Array array_of(const Tensor& tensor) {
  Array out(tensor.shape());
  for (size_t i = 0; i < out.v.size(); ++i) out.v[i] = tensor.at(static_cast<int64_t>(i));
  return out;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() &&
         (!a.defined() || (a.shape() == b.shape() && std::memcmp(a.bytes(), b.bytes(), a.byte_count()) == 0));
}

TEST_P(OpTable, ForwardFloat32) {
  expect_close(call(tensors(DType::f32)), reference(), tolerance().forward, 0, "forward");
}

// Both are double precision: only the order of sums and the last digits of the elementary functions differ.
TEST_P(OpTable, ForwardFloat64) {
  expect_close(call(tensors(DType::f64)), reference(), tolerance().exact, 0, "forward");
}

// A five-point stencil of step 1/1024: its own error is h^4 / 30 of the fifth derivative, and rounding of the loss
// divided by h; both are below 1e-9 of the largest gradient here.
TEST_P(OpTable, GradientAgainstDifferences) {
  if (!any_gradient()) return;
  const std::vector<Tensor> grads = gradients(DType::f64, all);
  const double h = 1.0 / 1024;
  Rng rng(3, "picks");
  for (size_t i = 0; i < distinct_inputs(); ++i) {
    if (!test().inputs[i].differentiable) continue;
    const int64_t n = values_[i].shape.numel();
    ASSERT_TRUE(grads[i].defined()) << "input " << i << " got no gradient";
    ASSERT_EQ(grads[i].shape(), values_[i].shape) << "input " << i;
    double largest = 0;
    for (int64_t j = 0; j < n; ++j) largest = std::max(largest, std::abs(grads[i].at(j)));
    const std::vector<Tensor> inputs = tensors(DType::f64);
    const Tensor w = weights(call(inputs));
    const int64_t picks = std::min<int64_t>(n, n > 10000 ? std::min(test().differences, 6) : test().differences);
    for (int64_t pick = 0; pick < picks; ++pick) {
      const int64_t j = n == picks ? pick : rng.below(n);
      double& element = inputs[i].data<double>()[static_cast<size_t>(j)];
      double size_of_loss = 0;
      const auto loss = [&](double step) {
        const double before = element;
        element += step;
        const Tensor y = call(inputs);
        const auto yv = y.data<double>(), wv = w.data<double>();
        double sum = 0;
        for (size_t k = 0; k < yv.size(); ++k) sum += yv[k] * wv[k], size_of_loss += std::abs(yv[k] * wv[k]) / 4;
        element = before;  // only now: y may be a view of it
        return sum;
      };
      const double slope = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
      const double got = grads[i].at(j);
      EXPECT_NEAR(got, slope, 1e-8 * (std::abs(slope) + 0.1 * largest) + 1e-12 * size_of_loss)
          << "input " << i << ", element " << j << " of " << values_[i].shape.str();
    }
  }
}

TEST_P(OpTable, GradientFloat32) {
  if (!any_gradient()) return;
  const std::vector<Tensor> narrow = gradients(DType::f32, all), wide = gradients(DType::f64, all);
  for (size_t i = 0; i < narrow.size(); ++i) {
    ASSERT_EQ(narrow[i].defined(), wide[i].defined());
    if (!narrow[i].defined()) continue;
    EXPECT_EQ(narrow[i].dtype(), DType::f32);
    expect_close(narrow[i], array_of(wide[i]), tolerance().gradient, tolerance().slopes,
                 "gradient of input " + std::to_string(i));
  }
}

// With some inputs stored as bfloat16: against the reference of the same rounded numbers, and gradients against those
// in float64; the same bytes for any number of threads.
TEST_P(OpTable, MixedPrecision) {
  const Mixed& mixed = GetParam().row.mixed;
  if (mixed.inputs.empty()) return;
  const auto stored = [&](size_t i) { return std::ranges::find(mixed.inputs, i) != mixed.inputs.end(); };
  for (size_t i = 0; i < distinct_inputs(); ++i)
    if (stored(i))
      for (double& v : values_[i].v) v = static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(v))));
  const auto leaves = [&](DType type) {
    std::vector<Tensor> out = tensors(type);
    for (size_t i = 0; i < out.size(); ++i)
      if (test().inputs[i].differentiable) require_grad(out[i]);
    return out;
  };
  const auto results = [&](const std::vector<Tensor>& in, const Tensor& y, const Tensor& w) {
    if (requires_grad(y)) backward(y, w);
    std::vector<Tensor> out{y.detach()};
    for (const Tensor& leaf : in) out.push_back(grad_of(leaf));
    return out;
  };
  const auto run = [&] {
    const std::vector<Tensor> in = leaves(DType::f32);
    std::vector<Tensor> given = in;
    for (size_t i = 0; i < given.size(); ++i)
      if (stored(i)) given[i] = cast(given[i], DType::bf16);
    const Tensor y = call(given);
    return results(in, y, weights(y));
  };
  const std::vector<Tensor> got = run();
  expect_close(got[0], reference(), mixed.tolerance.forward, 0, "forward", mixed.tolerance);
  const std::vector<Tensor> in = leaves(DType::f64);
  const Tensor y = call(in);
  const std::vector<Tensor> want = results(in, y, weights(got[0]).to(DType::f64));
  for (size_t i = 1; i < got.size(); ++i) {
    ASSERT_EQ(got[i].defined(), want[i].defined());
    if (got[i].defined())
      expect_close(got[i], array_of(want[i]), mixed.tolerance.gradient, mixed.tolerance.slopes,
                   "gradient of input " + std::to_string(i - 1), mixed.tolerance);
  }
  for (const int count : {2, 3}) {
    set_threads(count);
    const std::vector<Tensor> again = run();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same_bytes(got[i], again[i])) << i << ", threads " << count;
  }
}

TEST_P(OpTable, SameBytesForAnyNumberOfThreads) {
  std::vector<std::vector<Tensor>> results;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    Tensor y;
    results.push_back(gradients(DType::f32, all, &y));
    results.back().push_back(y);
  }
  for (size_t count = 1; count < results.size(); ++count)
    for (size_t i = 0; i < results[0].size(); ++i)
      EXPECT_TRUE(same_bytes(results[0][i], results[count][i]))
          << (i + 1 == results[0].size() ? "output" : "gradient of input " + std::to_string(i)) << " with " << count + 1
          << " threads";
}

TEST_P(OpTable, GivesOnlyTheGradientsAskedFor) {
  if (!any_gradient()) return;
  const std::vector<Tensor> full = gradients(DType::f32, all);
  for (size_t only = 0; only < distinct_inputs(); ++only) {
    const std::vector<Tensor> grads = gradients(DType::f32, [&](size_t i) { return i == only; });
    for (size_t i = 0; i < grads.size(); ++i) {
      EXPECT_EQ(grads[i].defined(), i == only && test().inputs[i].differentiable) << "input " << i;
      EXPECT_TRUE(i != only || same_bytes(grads[i], full[i])) << "input " << i << " alone has another gradient";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpTable, ::testing::ValuesIn(all_entries()), name_of_entry);

TEST(OpTableCompleteness, EveryDeclaredOperationHasARow) {
  std::set<std::string> declared;
  const std::regex declaration(R"(\bTensor (operator\S|[a-z_0-9]+)\()");
  for (const auto& file : fs::directory_iterator(fs::path(TANDEM_SOURCE_DIR) / "tandem" / "ops")) {
    if (file.path().extension() != ".h") continue;
    const std::string header = read_text(file.path());
    for (auto it = std::sregex_iterator(header.begin(), header.end(), declaration); it != std::sregex_iterator(); ++it)
      declared.insert((*it)[1]);
  }
  ASSERT_GE(declared.size(), 50U) << "the headers were not read as expected";
  declared.erase("elementwise");  // the part common to the functions of one tensor; each of these has a row
  for (const char* part : {"product", "column_sum"}) declared.erase(part);  // without a gradient, within others
  std::set<std::string> rows;
  for (const Row& row : all_rows()) {
    EXPECT_TRUE(rows.insert(row.name).second) << row.name << " has two rows";
    EXPECT_FALSE(row.cases.empty()) << row.name;
    EXPECT_FALSE(row.reason.empty()) << row.name << ": say where its tolerance comes from";
    EXPECT_EQ(row.mixed.inputs.empty(), row.mixed.reason.empty()) << row.name << ": the same in mixed precision";
  }
  for (const std::string& name : declared)
    EXPECT_TRUE(rows.contains(name)) << name << " is declared in tandem/ops but has no row in tests/ops";
  for (const std::string& name : rows) EXPECT_TRUE(declared.contains(name)) << name << " has a row but is not declared";
}

}  // namespace
}  // namespace tandem::testing
