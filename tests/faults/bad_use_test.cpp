// Calls that make no sense: each is refused in words that say what was wrong, or gives a result; none ends the program
// or asks for memory that no machine has.
#include <tandem/autograd/tape.h>
#include <tandem/data/augment.h>
#include <tandem/data/formats/image.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/weights.h>
#include <tandem/optim/optimizer.h>
#include <tandem/tandem.h>
#include <tandem/tasks/distillation.h>
#include <tandem/tasks/mixing.h>
#include <tandem/train/privacy.h>

#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <limits>

#include "tests/nn/layer_rows.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t most = std::numeric_limits<int64_t>::max(), least = std::numeric_limits<int64_t>::min();
constexpr size_t memory_limit = size_t{3} << 29;  // bytes that a senseless call may want: 1.5 GB

std::string current;  // the call that is made

/// A call that ends the program is named first.
void died(int signal) {
  (void)!write(STDERR_FILENO, "died in: ", 9);
  (void)!write(STDERR_FILENO, current.data(), current.size());
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// Counts calls, and fails when one ends in anything but a result or an error that says something.
class Calls {
 public:
  Calls() {
    for (const int signal : signals) std::signal(signal, died);
  }
  template <class Fn>
  void operator()(const std::string& what, Fn&& fn) {
    ++made_;
    current = what;
    try {
      fn();
    } catch (const Error& e) {
      ++refused_;
      const std::string text = e.what();
      EXPECT_NE(static_cast<int>(e.kind()), static_cast<int>(ErrorKind::internal)) << what << ": " << text;
      EXPECT_GT(text.size(), 12U) << what << ": " << text;
      EXPECT_NE(text.find(' '), std::string::npos) << what << ": " << text;
    } catch (const std::exception& e) {
      ADD_FAILURE() << what << " ends in " << typeid(e).name() << ": " << e.what();
    }
  }
  ~Calls() {
    for (const int signal : signals) std::signal(signal, SIG_DFL);
    EXPECT_LT(memory_use().peak, std::max(peak_before_ + 1, memory_limit)) << "bytes wanted at once";
    EXPECT_GT(refused_, made_ / 10) << "these calls are too good";
    ::testing::Test::RecordProperty("calls", static_cast<int>(made_));
    std::printf("%lld calls, %lld refused\n", static_cast<long long>(made_), static_cast<long long>(refused_));
  }
  [[nodiscard]] int64_t made() const { return made_; }

 private:
  static constexpr std::array signals{SIGSEGV, SIGFPE, SIGABRT, SIGBUS, SIGILL};
  const size_t peak_before_ = memory_use().peak;
  int64_t made_ = 0, refused_ = 0;
};

struct Named {
  std::string name;
  Tensor tensor;
};

Tensor with(const Shape& shape, double value) {
  Tensor t = Tensor::full(shape, 0.5);
  if (t.numel() > 0) t.data<float>()[0] = static_cast<float>(value);
  require_grad(t);
  return t;
}

std::vector<Named> tensors() {
  std::vector<Named> out{{"none", {}},
                         {"number", with({}, 1)},
                         {"empty", with({0}, 1)},
                         {"empty rows", with({0, 3}, 1)},
                         {"empty columns", with({3, 0}, 1)},
                         {"one", with({1}, 1)},
                         {"row", with({3}, 1)},
                         {"matrix", with({2, 3}, 1)},
                         {"square", with({3, 3}, 1)},
                         {"nan", with({2, 3}, nan)},
                         {"infinite", with({3, 3}, INFINITY)},
                         {"large", with({2, 3}, 3e38)},
                         {"cube", with({2, 3, 4}, 1)},
                         {"pictures", with({2, 4, 4, 3}, 1)},
                         {"empty pictures", with({2, 0, 4, 3}, 1)},
                         {"weights", with({2, 3, 3, 3}, 1)},
                         {"six axes", with({1, 2, 1, 2, 1, 3}, 1)},
                         {"doubles", Tensor::full({2, 3}, 0.5, DType::f64)},
                         {"bfloat16", Tensor::full({2, 3}, 0.5, DType::bf16)},
                         {"int32", Tensor::full({3}, 1, DType::i32)},
                         {"negative ids", Tensor::full({2}, -1, DType::i32)},
                         {"far ids", Tensor::full({2, 3}, 1e18, DType::i64)},
                         {"bytes", Tensor::full({2, 3}, 255, DType::u8)}};
  return out;
}

const std::vector<int64_t> numbers{least, -(int64_t{1} << 40), -1, 0, 1, 2, 3, 7, int64_t{1} << 31, int64_t{1} << 40,
                                   most};
const std::vector<int> axes{std::numeric_limits<int>::min(), -7, -2, -1, 0, 1, 2, 5, 6,
                            std::numeric_limits<int>::max()};
const std::vector<double> reals{nan, -INFINITY, INFINITY, -1, 0, 1e-300, 0.5, 1, 1e300};
const std::vector<Lengths> lengths{
    {}, {0}, {1}, {2}, {3}, {1, 1}, {-1, 3}, {1, 0, 1}, {most}, {most, most, 4}, {least, most}};

/// Sends a gradient back too.
void use(const Tensor& y) {
  if (y.defined() && requires_grad(y) && y.numel() > 0 && (y.dtype() == DType::f32 || y.dtype() == DType::f64))
    backward(y, Tensor::full(y.shape(), 1, y.dtype()));
}

TEST(BadUse, OperationsOnOneTensor) {
  Calls call;
  for (const auto& [name, tensor] : tensors()) {
    const Tensor& x = tensor;
    using One = Tensor (*)(const Tensor&);
    const One ones[] = {relu, sigmoid, tanh,       gelu, gelu_tanh, silu,    softplus,         exp, log, sqrt,
                        abs,  square,  reciprocal, sum,  mean,      widened, global_avg_pool2d};
    for (size_t i = 0; i < std::size(ones); ++i)
      call(fmt::format("function {} of {}", i, name), [&] { use(ones[i](x)); });
    call("- " + name, [&] { use(-x); });
    for (const int axis : axes) {
      const std::string what = fmt::format("{} along {}", name, axis);
      call("softmax of " + what, [&] { use(softmax(x, axis)); });
      call("log_softmax of " + what, [&] { use(log_softmax(x, axis)); });
      call("arg_max of " + what, [&] { use(arg_max(x, axis)); });
      for (const bool keep : {false, true}) {
        call("sum of " + what, [&] { use(sum(x, axis, keep)); });
        call("mean of " + what, [&] { use(mean(x, axis, keep)); });
        call("max of " + what, [&] { use(max(x, axis, keep)); });
        call("min of " + what, [&] { use(min(x, axis, keep)); });
      }
      for (const int64_t first : numbers)
        for (const int64_t last : {least, int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{2}, most})
          call(fmt::format("slice {} {} of {}", first, last, what), [&] { use(slice(x, axis, first, last)); });
      call("concat of " + what, [&] { use(concat({x, x}, axis)); });
      for (const int other : {-1, 0, 1, 9}) call("permute of " + what, [&] { use(permute(x, {axis, other})); });
    }
    for (const double v : reals) {
      const std::string what = fmt::format("{} and {}", name, v);
      call("leaky_relu of " + what, [&] { use(leaky_relu(x, v)); });
      call("+ of " + what, [&] { use(x + v), use(v - x), use(x * v), use(x / v), use(v / x); });
      call("dropout of " + what, [&] {
        Rng rng(1, "d");
        use(dropout(x, v, rng));
      });
      for (const int64_t i : {int64_t{-1}, int64_t{0}, most})
        call("at of " + what, [&] { (void)x.at(i), (void)Tensor::full({3}, v, DType::u8); });
    }
    for (const int64_t a : numbers)
      for (const int64_t b : numbers) {
        const std::string what = fmt::format("{} {} of {}", a, b, name);
        call("reshape to " + what, [&] { use(reshape(x, {a, b})); });
        call("rows " + what, [&] { (void)x.rows(a, b); });
        call("view " + what, [&] { (void)x.view({a, b}); });
        call("sum_to " + what, [&] { use(sum_to(x, Shape{a, b})); });
        call("max_pool " + what, [&] { use(max_pool2d(x, {.kernel = a, .stride = b, .padding = 0})); });
        call("avg_pool " + what, [&] { use(avg_pool2d(x, {.kernel = a, .stride = 1, .padding = b})); });
        call("max_pool " + what, [&] { use(max_pool2d(x, {.kernel = 2, .stride = a, .padding = b})); });
      }
    for (const DType type : {DType::f32, DType::f64, DType::bf16, DType::i32, DType::i64, DType::u8}) {
      call("cast of " + name, [&] { use(cast(x, type)); });
      call("to of " + name, [&] { (void)x.to(type); });
    }
    call("item of " + name, [&] { (void)x.item(); });
    call("clone of " + name, [&] { (void)x.clone(); });
    call("backward of " + name, [&] { backward(x, x); });
    call("require_grad of " + name, [&] {
      Tensor y = x.detach();
      require_grad(y);
    });
    for (const Lengths& l : lengths)
      for (const auto how : {Pooling::mean, Pooling::max, Pooling::last, Pooling::first})
        call("pool_sequences of " + name, [&] { use(pool_sequences(x, l, how)); });
    for (const Lengths& l : lengths)
      for (const double v : reals)
        call(fmt::format("locked_dropout {} of {}", v, name), [&] {
          Rng rng(1, "d");
          use(locked_dropout(x, l, v, rng));
        });
    for (const double v : reals) {
      const std::string what = fmt::format("{} of {}", v, name);
      call("softened " + what, [&] { (void)tasks::softened(x, v); });
      call("mixed " + what, [&] { (void)tasks::mixed({.mixup = v, .cutmix = 0}, x, Rng(1, "m")); });
      call("mixed " + what, [&] { (void)tasks::mixed({.mixup = 0, .cutmix = v}, x, Rng(1, "m")); });
    }
    call("attention, kept, of " + name, [&] {
      const std::vector<KeyValues> kept{{x, x, 2}};
      (void)attention(x.detach(), {1}, kept, {.heads = 1, .causal = true});
    });
    for (const Lengths& l : lengths)
      for (const int64_t heads : numbers) {
        call("attention of " + name, [&] { use(attention(x, l, {.heads = heads, .key_heads = 0, .causal = true})); });
        call("attention of " + name, [&] { use(attention(x, l, {.heads = 1, .key_heads = heads, .causal = true})); });
        call("rotary of " + name, [&] { use(rotary(x, l, heads, 2)), use(rotary(x, l, 1, heads)); });
      }
  }
  for (const Lengths& l : lengths)
    for (const int64_t n : numbers)
      for (const bool same : {false, true}) {
        call(fmt::format("conv1d_lengths {}", n), [&] { (void)conv1d_lengths(l, n, {.dilation = 1, .same = same}); });
        call(fmt::format("conv1d_lengths {}", n), [&] { (void)conv1d_lengths(l, 3, {.dilation = n, .same = same}); });
      }
  for (const int64_t a : numbers)
    for (const int64_t b : numbers)
      for (const int64_t c : {int64_t{-1}, int64_t{0}, int64_t{5}, most})
        call(fmt::format("shape {} {} {}", a, b, c), [&] { (void)Shape({a, b, c}).numel(); });
  EXPECT_GT(call.made(), 15'000);
}

TEST(BadUse, OperationsOnTwoTensors) {
  Calls call;
  const auto all = tensors();
  for (const auto& [name_a, first] : all)
    for (const auto& [name_b, second] : all) {
      const Tensor &a = first, &b = second;
      const std::string what = name_a + " and " + name_b;
      using Two = Tensor (*)(const Tensor&, const Tensor&);
      const Two twos[] = {operator+,
                          operator-,
                          operator*,
                          operator/,
                          maximum,
                          minimum,
                          matmul,
                          embedding,
                          binary_cross_entropy,
                          binary_cross_entropy_logits,
                          mse_loss,
                          l1_loss};
      for (size_t i = 0; i < std::size(twos); ++i)
        call(fmt::format("function {} of {}", i, what), [&] { use(twos[i](a, b)); });
      for (const double v : {nan, -1.0, 0.0, 0.5, 1.0, 1e300}) {
        call("huber_loss of " + what, [&] { use(huber_loss(a, b, v)); });
        call("cross_entropy of " + what, [&] { use(cross_entropy(a, b, {.label_smoothing = v})); });
        call("cross_entropy, weighted, of " + what, [&] { use(cross_entropy(a, b, {.class_weights = b})); });
        call("layer_norm of " + what, [&] { use(layer_norm(a, b, b, v)); });
        call("rms_norm of " + what, [&] { use(rms_norm(a, b, v)); });
      }
      for (const int64_t n : numbers) {
        call("group_norm of " + what, [&] { use(group_norm(a, n, b, b)); });
        call("conv2d of " + what, [&] { use(conv2d(a, b, {}, {.stride = n})); });
        call("conv2d of " + what, [&] { use(conv2d(a, b, {}, {.padding = n})); });
        call("conv2d of " + what, [&] { use(conv2d(a, b, {}, {.dilation = n})); });
        call("conv2d of " + what, [&] { use(conv2d(a, b, {}, {.groups = n})); });
        call("conv1d of " + what, [&] { use(conv1d(a, {2}, b, {}, {.dilation = n, .same = n % 2 == 0})); });
      }
      for (const Lengths& l : lengths) {
        call("conv1d of " + what, [&] { use(conv1d(a, l, b, {})); });
        call("rnn of " + what, [&] { use(rnn(a, l, {a, b, {}, {}})); });
        call("lstm of " + what, [&] { use(lstm(a, l, {b, b, a, a})); });
        call("gru of " + what, [&] { use(gru(a, l, {b, a, {}, {}}, {.first = {b, b}})); });
        call("attention of " + what, [&] { use(attention(a, b, b, l, {2}, {.heads = 1})); });
      }
      call("concat of " + what, [&] { use(concat({a, b}, 0)); });
      call("prepared linear of " + what, [&] {
        const PreparedLinear prepared{.weight = b, .bias = {}};
        (void)linear(a, prepared);
      });
      for (const double v : {nan, -1.0, 0.0, 1.0, 1e300})
        call("distillation_loss of " + what, [&] { use(tasks::distillation_loss({}, a, b, v)); });
      call("backward of " + what, [&] { backward(a * 1.0, b); });
      for (const bool training : {false, true}) {
        call("batch_norm of " + what, [&] { use(batch_norm(a, {b, b, b.clone(), b.clone(), training})); });
        call("batch_norm_relu of " + what, [&] { use(batch_norm_relu(a, {b, b, b.clone(), b.clone(), training}, a)); });
      }
    }
  EXPECT_GT(call.made(), 30'000);
}

TEST(BadUse, OperationsOnThreeTensors) {
  Calls call;
  const auto all = tensors();
  for (const auto& [name_a, first] : all)
    for (const auto& [name_b, second] : all)
      for (const auto& [name_c, third] : all) {
        const Tensor &a = first, &b = second, &c = third;
        const std::string what = name_a + ", " + name_b + " and " + name_c;
        call("linear of " + what, [&] { use(linear(a, b, c)); });
        call("conv2d of " + what, [&] { use(conv2d(a, b, c)); });
        call("packed conv2d of " + what, [&] { (void)conv2d(a, pack(b, {}, {.padding = 1}), c, true); });
      }
  EXPECT_GT(call.made(), 20'000);
}

/// What may stand behind a key, sensible or not.
const std::vector<std::string> values{"",
                                      "0",
                                      "-1",
                                      "1",
                                      "3",
                                      "0.5",
                                      "1e18",
                                      "1e300",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      ".nan",
                                      ".inf",
                                      "true",
                                      "word",
                                      "[]",
                                      "[0]",
                                      "[-1, 1e18]",
                                      "{}",
                                      "{a: 1}",
                                      "same",
                                      "dirac",
                                      "whitened",
                                      "[[]]",
                                      "~"};

TEST(BadUse, OptionsOfLayers) {
  Calls call;
  for (const auto& [kind, row] : layer_rows) {
    const Config base = nn::write_layer(*nn::read_layer(Config::parse(row.text, "row")));
    if (!base.is_map()) continue;  // a layer without options
    for (const auto& [key, value] : base.entries().front().second.entries())
      for (const std::string& given : values) {
        const std::string what = fmt::format("{}.{} = {}", kind, key, given);
        call(what, [&, &kind = kind, &key = key] {
          Config changed = Config::parse(base.str(), "base");
          changed.set(kind + "." + key, given);
          const auto layer = nn::read_layer(changed);
          for (const Shape& in : {Shape{}, Shape{6}, Shape{0}, Shape{8, 8, 4}, Shape{1, 1, 1}}) {
            nn::Build build{Rng(1, "weights"), 3};
            build.most = 1 << 24;
            build.embedding = {9, 6}, build.source = {6};
            try {
              (void)layer->build(in, build);
              nn::Pass pass{true, Rng(1, "pass")};
              if (in.rank() < 2) pass.lengths = {3, 1, 3};
              pass.embedding = with({9, 6}, 1);
              pass.source = with({5, 6}, 1), pass.source_lengths = {1, 2, 2};
              std::vector<int64_t> sizes{in.rank() < 2 ? 7 : 2};
              sizes.insert(sizes.end(), in.begin(), in.end());
              use(layer->forward(in.rank() == 0 ? Tensor::zeros({7}, DType::i32) : Tensor::full(Shape(sizes), 0.5),
                                 pass));
            } catch (const Error& e) {  // of this shape
              if (e.kind() == ErrorKind::internal) throw;
            }
          }
        });
      }
  }
  EXPECT_GT(call.made(), 1'500);
}

TEST(BadUse, OptimisersSchedulesAndAugmentation) {
  Calls call;
  for (const char* type : {"sgd", "adam", "adamw", "rmsprop", "muon", "none", ""})
    for (const double a : reals)
      for (const double b : reals)
        call(fmt::format("optimizer {} {} {}", type, a, b), [&] {
          optim::Options o;
          o.type = type;
          o.momentum = a, o.beta1 = b, o.weight_decay = b, o.epsilon = a;
          std::vector<Tensor> parameters{with({2, 3}, 1), with({0, 3}, 1), with({3}, 1)};
          optim::Optimizer optimizer(o, parameters);
          backward(sum(square(parameters[0])));
          (void)optimizer.clip(a);
          optimizer.step(b);
          optimizer.set_rates({a, b});
        });
  for (const char* type : {"constant", "step", "cosine", "linear", "exponential", "plateau", "x"})
    for (const double a : reals)
      for (const double b : reals)
        call(fmt::format("schedule {} {} {}", type, a, b), [&] {
          optim::Schedule schedule({.type = type, .warmup = a, .final = b, .at = {b, a}, .factor = a, .patience = -1},
                                   b);
          (void)schedule.factor(a);
          schedule.observe(b);
        });
  const std::vector<uint8_t> picture(4 * 5 * 3, 7);
  std::vector<float> out(picture.size());
  for (const double a : reals)
    for (const int64_t n : numbers)
      for (int which = 0; which < 7; ++which)
        call(fmt::format("augment {} {} {}", which, a, n), [&] {
          data::Augment augment;
          double* const fields[] = {&augment.shift,   &augment.rotate,         &augment.scale, &augment.shear,
                                    &augment.elastic, &augment.elastic_smooth, &augment.noise};
          *fields[which] = a;
          augment.crop = n, augment.erase = n;
          data::check(augment, 4, 5);
          data::augment_into(augment, picture, 4, 5, 3, Rng(1, "a"), out);
        });
}

TEST(BadUse, AccountsOfPrivacy) {
  Calls call;
  for (const double a : reals)
    for (const double b : reals)
      for (const double c : {nan, -1.0, 0.0, 1e-5, 0.5, 1.0, 2.0})
        for (const int64_t n : {least, int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{1} << 40, most}) {
          const std::string what = fmt::format("{} {} {} {}", a, b, c, n);
          call("epsilon_spent " + what, [&] { (void)train::epsilon_spent(a, b, n, c); });
          call("renyi " + what, [&] { (void)train::renyi(a, b, n); });
          call("poisson_sample " + what,
               [&] { (void)train::poisson_sample(std::min(n, int64_t{1000}), a, Rng(1, "p")); });
          if (n > 0 && n < most) call("noise_for " + what, [&] { (void)train::noise_for(a, b, c, n); });
        }
}

/// All keys of a recipe with their dots; lists and the network stand whole.
void each_key(const Config& at, const std::string& prefix, std::vector<std::string>& out) {
  for (const auto& [key, value] : at.entries()) {
    if (value.is_map() && !value.entries().empty()) each_key(value, prefix + key + ".", out);
    out.push_back(prefix + key);
  }
}

TEST(BadUse, KeysOfRecipes) {
  const Folder home;
  Rng rng(1, "pictures");
  for (const char* name : {"top", "middle"})
    for (int i = 0; i < 8; ++i) {
      const Tensor picture = Tensor::empty({8, 8, 1}, DType::u8);
      for (uint8_t& p : picture.data<uint8_t>()) p = static_cast<uint8_t>(rng.below(256));
      home.write(fmt::format("pictures/{}/{}.png", name, i), data::encode_png(picture));
    }
  std::string rows = "age,site,ill\n", texts = "label\ttext\n", letters;
  for (int i = 0; i < 24; ++i) {
    rows += fmt::format("{},{},{}\n", 20 + rng.below(50), i % 3 ? "north" : "south", i % 2 ? "ill" : "well");
    texts += fmt::format("{}\t{} and so on\n", i % 2 ? "good" : "bad", i % 2 ? "fine it is" : "dull it is");
    letters += "abcdefghijklmnop\n";
  }
  const std::string csv = home.write("rows.csv", rows).string(), tsv = home.write("texts.tsv", texts).string(),
                    txt = home.write("letters.txt", letters).string(), pairs = (home / "pairs").string();
  for (const char* side : {"pairs.a", "pairs.b"}) home.write(side, "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n");
  const std::string rest = ", train: {epochs: 1, batch: 4}}";
  std::vector<std::string> recipes{
      "{name: a, data: {source: " + (home / "pictures").string() +
          ", validation: 0.4}, network: [flatten, linear: classes], people: {goal: {share: 0.4}}" + rest,
      "{name: b, task: table_classification, data: {source: " + csv +
          ", validation: 0.4, table: {target: ill}}, network: [linear: classes], decision: {kind: sensitivity, least: "
          "0.9}, groups: [site]" +
          rest,
      "{name: c, task: text_classification, data: {source: " + tsv +
          ", validation: 0.4}, network: [embedding: 4, pool_sequence: mean, linear: classes]" + rest,
      "{name: d, task: language_model, data: {source: " + txt +
          ", validation: 0.2, test_share: 0, text: {tokenizer: character}}, language: {context: 4, generate: {tokens: "
          "3}}, network: [embedding: 4, lstm: 4, linear: classes]" +
          rest,
      "{name: e, task: translation, data: {source: " + pairs +
          ", from: a, to: b, text: {tokenizer: character, length: {most: 20}}}, translation: {beam: 2}, network: "
          "{encoder: [embedding: 4], decoder: [embedding: 4, transformer: {heads: 2, causal: true, cross: true}, "
          "tied_head]}" +
          rest};
  {
    train::Recipe base = train::Recipe::read(Config::parse(recipes[0], "recipe.yaml"));
    (void)train::run(base, train::RunFolder::create(home / "runs", "base"), home.path(), "", false, {});
  }
  const std::string pictures = "data: {source: " + (home / "pictures").string() + ", validation: 0.4}, ",
                    learned = (home / "runs" / "base").string();
  // What is off above.
  for (const std::string& on :
       {"{name: f, start_from: " + learned + ", " + pictures +
            "adapt: {lora: {rank: 2, alpha: 2, layers: [linear]}, rates: [{tensors: '*', rate: 0.5}]}" + rest,
        "{name: g, start_from: " + learned + ", " + pictures +
            "adapt: {freeze: ['1.bias'], head: [linear: classes], unfreeze: 1}" + rest,
        "{name: h, " + pictures + "network: [flatten, linear: classes], teach: {from: [" + learned +
            "], temperature: 2, share: 0.5}" + rest,
        "{name: i, " + pictures +
            "network: [conv: {filters: 2, kernel: 2}, global_avg_pool, linear: classes], train: {epochs: 1, batch: 4, "
            "keep: last, average: 0.5, prune: {share: 0.5, every: 1}, progressive: {size: [6], until: [0.5]}}}",
        "{name: j, " + pictures +
            "network: [flatten, linear: classes], privacy: {epsilon: 8, delta: 1e-3, clip: 1, repeatable: true}, "
            "train: {epochs: 1, batch: 4, keep: last}}",
        "{name: k, " + pictures + "network: [flatten, linear: classes], recall: {of: top, least: 0.9}" + rest})
    recipes.push_back(on);
  Calls call;
  const size_t stride = std::getenv("TANDEM_TORTURE") != nullptr ? 1 : 8;  // of the pairs of key and value
  size_t pair = 0;
  for (const std::string& text : recipes) {
    std::vector<std::string> keys;
    each_key(train::Recipe::read(Config::parse(text, "recipe.yaml")).write(), "", keys);
    EXPECT_GT(keys.size(), 40U);
    for (const std::string& key : keys)
      for (const std::string& value : values) {
        if (key == "name" || key == "start_from") continue;  // names of files
        if (pair++ % stride != 0) continue;
        call(fmt::format("{} = {}", key, value), [&] {
          Config config = Config::parse(text, "recipe.yaml");
          config.set(key, value);
          train::Recipe recipe = train::Recipe::read(config);
          const Folder runs;
          const train::RunFolder folder = train::RunFolder::create(runs / "runs", "r");
          int steps = 0;
          train::Hooks hooks;
          hooks.stop = [&] { return ++steps == 12; };  // an epoch is shorter
          (void)train::run(recipe, folder, home.path(), "", false, hooks);
        });
      }
  }
  EXPECT_GT(call.made(), 8'000 / static_cast<int64_t>(stride));
}

}  // namespace
}  // namespace tandem::testing
