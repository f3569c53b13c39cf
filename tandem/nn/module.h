// What every layer is.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/random.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tandem::nn {

class Memory;  // nn/memory.h
class Module;

/// One forward pass: whether it trains, and where dropout draws from.
struct Pass {
  bool training = false;
  Rng rng;
  /// Mixed precision: convolutions take and give images in bfloat16, the layers behind them go on in that type as far
  /// as they can, the others in float32; linear layers and attention's projections round what they multiply.
  /// Parameters, their gradients and all sums stay float32. The network's output may be in either type: see widened().
  bool bf16 = false;
  /// When set, every layer of a Sequential goes through it in place of Module::forward, one by one and none fused with
  /// the next: for who wants to see what goes in and comes out.
  std::function<Tensor(Module& layer, const Tensor& x, Pass& pass)> each = {};
  /// Of packed sequences: how many rows each has; the input's rows are their tokens, one sequence after another. Empty
  /// for other data. A layer that changes the rows of sequences changes the list.
  std::vector<int64_t> lengths = {};
  /// Lets layers go on where an earlier call with it stopped: texts in parts, one token at a time.
  Memory* memory = nullptr;
  /// The weight of the embedding that this pass went through, which a head may share.
  Tensor embedding = {};
  /// What cross-attention looks at: another text's vectors (its tokens, width) and the lengths of its sequences.
  Tensor source = {};
  std::vector<int64_t> source_lengths = {};
};

/// What a layer needs to make its parameters.
struct Build {
  Rng rng;              // initial values; each layer draws on
  int64_t classes = 0;  // width of the last layer where the network leaves it open
  int64_t most =
      int64_t{1} << 40;  // numbers there may be: a model file's own, so that a small file cannot ask for more

  int64_t vocabulary = 0;  // entries of an embedding where the network leaves it open
  Shape embedding = {};    // of the last embedding built: (vocabulary, width)
  Shape source = {};       // of what cross-attention looks at

  /// Memory for a parameter; throws when the network has more numbers than `most`.
  [[nodiscard]] Tensor parameter(const Shape& shape, DType type = DType::f32);
  [[nodiscard]] Tensor full(const Shape& shape, float value);
  /// Uniform in ±1/sqrt(fan_in): PyTorch's default for linear and convolution layers.
  [[nodiscard]] Tensor uniform(const Shape& shape, int64_t fan_in);
  /// Normal with variance 2 / fan_in (He et al. 2015), for layers before a ReLU.
  [[nodiscard]] Tensor he(const Shape& shape, int64_t fan_in);
  [[nodiscard]] Tensor normal(const Shape& shape, double deviation);
};

/// Called with each part's name ("0.weight") and tensor. `trained` is false for buffers (running statistics).
using Visitor = std::function<void(const std::string& name, Tensor& tensor, bool trained)>;

/// A layer: options, tensors and forward(). Shapes leave the batch axis out, and that of tokens: ids have Shape{},
/// vectors Shape{width}.
class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;

  /// Its name in a recipe: "conv", "linear", …
  [[nodiscard]] virtual std::string kind() const = 0;
  /// Its options; the first may stand alone in a recipe (`linear: 10`).
  virtual void fields(Fields&) {}
  /// Makes the parameters for inputs of shape `in` and returns the output's shape; throws when `in` does not fit.
  virtual Shape build(const Shape& in, Build&) { return in; }
  [[nodiscard]] virtual Tensor forward(const Tensor& x, Pass& pass) = 0;
  /// Whether its numbers are those of layers within it, which Pass::each meets by themselves.
  [[nodiscard]] virtual bool holds_layers() const { return false; }
  /// The function of each element that this layer is, when it is no more than that.
  [[nodiscard]] virtual std::optional<kernels::Unary> function() const { return std::nullopt; }
  /// f(forward(x) + added), where `added` may be none: a layer that can do all of it in one operation does.
  [[nodiscard]] virtual Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added = {});
  /// The one list of its tensors: saving, counting, freezing and training all come from it.
  virtual void visit(const std::string& at, const Visitor& visitor) { (void)at, (void)visitor; }
  /// Throws when its tensors hold values that it cannot work with: asked after they were read from a file.
  virtual void check() const {}
  /// Multiply-add operations for one example of shape `in`, as far as they matter (products and convolutions).
  [[nodiscard]] virtual int64_t multiply_adds(const Shape& in) const {
    (void)in;
    return 0;
  }
  [[nodiscard]] virtual std::unique_ptr<Module> clone() const = 0;
};

/// clone() by the copy constructor. Copies share tensors until build() makes new ones.
template <class Derived>
class Layer : public Module {
 public:
  [[nodiscard]] std::unique_ptr<Module> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived&>(*this));
  }
};

}  // namespace tandem::nn
