// The table of operations: one row an operation, with a plain reference written apart from the library. table_test.cpp
// puts every case of every row through the same checks; an operation of tandem/ops without a row fails there.
#pragma once
#include <tandem/base/random.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace tandem::testing {

/// An array of the reference: row-major doubles.
struct Array {
  Shape shape;
  std::vector<double> v;

  Array() = default;
  explicit Array(const Shape& s, double value = 0) : shape(s), v(static_cast<size_t>(s.numel()), value) {}
  [[nodiscard]] int64_t size(int axis) const { return shape[axis]; }
  [[nodiscard]] size_t offset(std::initializer_list<int64_t> index) const {
    int64_t at = 0;
    int axis = 0;
    for (const int64_t i : index) at = at * shape[axis++] + i;
    return static_cast<size_t>(at);
  }
  double& operator()(std::initializer_list<int64_t> index) { return v[offset(index)]; }
  double operator()(std::initializer_list<int64_t> index) const { return v[offset(index)]; }
};

/// Element i of n. Values must keep 0.01 away from kinks and poles: the finite differences step that far.
using Draw = std::function<double(Rng& rng, int64_t i, int64_t n)>;
[[nodiscard]] Draw uniform(double low, double high);
/// Uniform in [-high, high] without (-gap, gap).
[[nodiscard]] Draw away_from_zero(double high, double gap = 0.05);
/// All n values differ by at least 0.04; different `offset`s (0 or 0.02) share no value.
[[nodiscard]] Draw distinct(double offset = 0);

struct Input {
  Shape shape;
  Draw draw = uniform(-2, 2);
  bool differentiable = true;
  DType type = DType::f32;  // f32 stands for the type under test, f32 or f64; integers stay as they are
};

struct Case {
  std::string name;  // letters, digits and _
  std::vector<Input> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> call;
  std::function<Array(const std::vector<Array>&)> reference;
  bool same_tensor = false;  // one tensor, made from the first input, stands for all inputs
  int differences = 24;      // elements of each input whose gradient is compared with finite differences
  double terms = 0;          // see Tolerance
};

/// Largest error allowed, as |got - want| <= tolerance * (|want| + floor * largest |want| + terms). A floor of 0 asks
/// for each element by itself. Where numbers cancel the error is that of the numbers, not of what remains: `terms` of a
/// row is their size (`slopes` the same, for gradients only), `terms` of a case that of its partial sums (random signs:
/// the root of how many are added).
struct Tolerance {
  double forward = 0, gradient = 0;  // in float32
  double floor = 0;
  double terms = 0, slopes = 0;
  double exact = 1e-12;  // forward in float64
};

/// Mixed precision: which inputs (of those that a case has) are stored as bfloat16, and how close results then are to
/// those of the same rounded numbers. No inputs: the operation does not take it, or is a function of each element,
/// which all go the way of relu and gelu.
struct Mixed {
  std::vector<size_t> inputs;
  Tolerance tolerance;
  std::string reason;
};
/// Half the distance of two neighbouring bfloat16, relative: what one rounding costs.
inline constexpr double one_rounding = 0x1.0p-8 * 1.001;

struct Row {
  std::string name;  // as declared in tandem/ops
  Tolerance tolerance;
  std::string reason;  // of the tolerance
  std::vector<Case> cases;
  Mixed mixed = {};
};

/// Sizes around the width of vectors (16 floats at most), their multiples, and none.
inline constexpr int64_t awkward_sizes[] = {0, 1, 2, 3, 15, 16, 17, 31, 33, 63, 65, 129};
/// Enough elements for three pieces of elementwise work.
inline constexpr int64_t many = 70001;

[[nodiscard]] std::vector<Row> arithmetic_rows();
[[nodiscard]] std::vector<Row> activation_rows();
[[nodiscard]] std::vector<Row> reduce_rows();
[[nodiscard]] std::vector<Row> linear_rows();
[[nodiscard]] std::vector<Row> image_rows();
[[nodiscard]] std::vector<Row> norm_rows();
[[nodiscard]] std::vector<Row> shape_rows();
[[nodiscard]] std::vector<Row> cast_rows();
[[nodiscard]] std::vector<Row> loss_rows();
[[nodiscard]] std::vector<Row> sequence_rows();
[[nodiscard]] std::vector<Row> attention_rows();

[[nodiscard]] inline std::vector<Case> operator+(std::vector<Case> a, const std::vector<Case>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// "2x3x4", for names of cases.
[[nodiscard]] std::string text(const Shape& shape);
/// A case for each awkward size, and one of `many`, of a function of one tensor given for one number.
[[nodiscard]] std::vector<Case> pointwise_cases(const std::string& prefix, const Draw& draw,
                                                const std::function<Tensor(const Tensor&)>& call,
                                                const std::function<double(double)>& reference);

}  // namespace tandem::testing
