// What each operation says when it is called wrongly: a user reads these texts.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/attention.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/image.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/recurrent.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/sequence.h>
#include <tandem/ops/shape.h>

#include <functional>

namespace tandem::testing {
namespace {

struct Wrong {
  const char* name;
  std::function<Tensor()> call;
  const char* says;
  ErrorKind kind = ErrorKind::usage;
};

Tensor zeros(std::initializer_list<int64_t> sizes, DType type = DType::f32) {
  return Tensor::zeros(Shape(sizes), type);
}
Tensor wide(std::initializer_list<int64_t> sizes) { return zeros(sizes, DType::f64); }
Tensor narrow(std::initializer_list<int64_t> sizes) { return zeros(sizes, DType::bf16); }
Tensor whole(std::initializer_list<int64_t> sizes) { return zeros(sizes, DType::i64); }
Tensor labels(std::vector<int64_t> values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }
Tensor leaf(Tensor t) {
  require_grad(t);
  return t;
}

const std::vector<Wrong>& wrong_calls() {
  static const std::vector<Wrong> list{
      {"cast_type", [] { return cast(whole({2}), DType::bf16); }, "cast: takes float32 or float64, got int64"},
      {"multiply_bfloat16", [] { return narrow({2}) * narrow({2}); },
       "multiply: takes float32 or float64, got bfloat16"},
      {"conv2d_bfloat16_weight",
       [] {
         return conv2d(narrow({1, 4, 4, 2}), narrow({3, 2, 3, 3}), {});
       },
       "conv2d: input (1, 4, 4, 2) is bfloat16, which takes float32 parts, but a part of shape (3, 2, 3, 3) is "
       "bfloat16"},
      {"batch_norm_relu_added",
       [] {
         return batch_norm_relu(narrow({4, 2}), {zeros({2}), zeros({2}), zeros({2}), zeros({2})}, zeros({4, 2}));
       },
       "batch_norm_relu: the input is bfloat16 but what is added is float32: cast one"},
      {"add_shapes",
       [] {
         return zeros({2, 3}) + zeros({4, 3});
       },
       "add: shapes (2, 3) and (4, 3) do not fit: sizes 2 and 4 on axis 0 must be equal or 1"},
      {"add_types", [] { return zeros({2}) + wide({2}); },
       "add: operands have types float32 and float64: convert one with to()"},
      {"add_none", [] { return zeros({2}) + Tensor{}; }, "add: an operand was never given a value"},
      {"add_integers", [] { return whole({2}) + whole({2}); }, "add: takes float32 or float64, got int64"},
      {"add_number_to_integers", [] { return whole({2}) + 1.0; }, "add: takes float32 or float64, got int64"},
      {"subtract_shapes", [] { return zeros({3}) - zeros({2}); }, "subtract: shapes (3) and (2) do not fit"},
      {"subtract_from_number", [] { return 1.0 - Tensor{}; }, "subtract: an operand was never given a value"},
      {"multiply_shapes", [] { return zeros({3}) * zeros({2}); }, "multiply: shapes (3) and (2) do not fit"},
      {"multiply_number", [] { return Tensor{} * 2.0; }, "scale: the operand was never given a value"},
      {"divide_shapes", [] { return zeros({3}) / zeros({2}); }, "divide: shapes (3) and (2) do not fit"},
      {"divide_number", [] { return 2.0 / whole({1}); }, "divide: takes float32 or float64, got int64"},
      {"negate_none", [] { return -Tensor{}; }, "negate: the operand was never given a value"},
      {"maximum_shapes", [] { return maximum(zeros({3}), zeros({2})); }, "maximum: shapes (3) and (2) do not fit"},
      {"minimum_types", [] { return minimum(zeros({3}), wide({3})); },
       "minimum: operands have types float32 and float64"},
      {"sum_to_integers",
       [] {
         return sum_to(whole({2, 3}), {3});
       },
       "sum_to: takes float32 or float64, got int64"},
      {"exp_none", [] { return exp(Tensor{}); }, "exp: the operand was never given a value"},
      {"log_integers", [] { return log(whole({1})); }, "log: takes float32 or float64, got int64"},
      {"sqrt_none", [] { return sqrt(Tensor{}); }, "sqrt: the operand was never given a value"},
      {"abs_integers", [] { return abs(whole({1})); }, "abs: takes float32 or float64, got int64"},
      {"square_none", [] { return square(Tensor{}); }, "square: the operand was never given a value"},
      {"reciprocal_none", [] { return reciprocal(Tensor{}); }, "reciprocal: the operand was never given a value"},

      {"relu_integers", [] { return relu(whole({1})); }, "relu: takes float32 or float64, got int64"},
      {"leaky_relu_none", [] { return leaky_relu(Tensor{}); }, "leaky_relu: the operand was never given a value"},
      {"sigmoid_none", [] { return sigmoid(Tensor{}); }, "sigmoid: the operand was never given a value"},
      {"tanh_none", [] { return tanh(Tensor{}); }, "tanh: the operand was never given a value"},
      {"gelu_none", [] { return gelu(Tensor{}); }, "gelu: the operand was never given a value"},
      {"gelu_tanh_none", [] { return gelu_tanh(Tensor{}); }, "gelu_tanh: the operand was never given a value"},
      {"silu_none", [] { return silu(Tensor{}); }, "silu: the operand was never given a value"},
      {"softplus_none", [] { return softplus(Tensor{}); }, "softplus: the operand was never given a value"},
      {"softmax_axis",
       [] {
         return softmax(zeros({3, 4, 2}), 3);
       },
       "softmax: axis 3 is out of range for shape (3, 4, 2)"},
      {"softmax_no_axes", [] { return softmax(zeros({})); }, "softmax: axis -1 is out of range for shape ()"},
      {"softmax_integers", [] { return softmax(whole({3})); }, "softmax: takes float32 or float64, got int64"},
      {"log_softmax_axis", [] { return log_softmax(zeros({3}), -2); },
       "log_softmax: axis -2 is out of range for shape (3)"},

      {"sum_axis",
       [] {
         return sum(zeros({2, 3}), 2);
       },
       "sum: axis 2 is out of range for shape (2, 3)"},
      {"sum_integers", [] { return sum(whole({2})); }, "sum: takes float32 or float64, got int64"},
      {"mean_axis",
       [] {
         return mean(zeros({2, 3}), -3);
       },
       "mean: axis -3 is out of range for shape (2, 3)"},
      {"mean_nothing",
       [] {
         return mean(zeros({0, 3}));
       },
       "mean: shape (0, 3) has no elements"},
      {"mean_empty_axis",
       [] {
         return mean(zeros({0, 3}), 0);
       },
       "mean: axis 0 of shape (0, 3) is empty"},
      {"max_empty_axis",
       [] {
         return max(zeros({2, 0}), 1);
       },
       "max: axis 1 of shape (2, 0) is empty"},
      {"max_axis", [] { return max(zeros({2}), 1); }, "max: axis 1 is out of range for shape (2)"},
      {"min_empty_axis",
       [] {
         return min(zeros({2, 0}), -1);
       },
       "min: axis -1 of shape (2, 0) is empty"},
      {"arg_max_empty_axis",
       [] {
         return arg_max(zeros({2, 0}));
       },
       "arg_max: axis -1 of shape (2, 0) is empty"},
      {"arg_max_axis", [] { return arg_max(zeros({2}), 4); }, "arg_max: axis 4 is out of range for shape (2)"},

      {"matmul_sizes",
       [] {
         return matmul(zeros({2, 3}), zeros({4, 5}));
       },
       "matmul: (2, 3) float32 times (4, 5) float32: the last axis of the first must equal the last but one of the "
       "second"},
      {"matmul_rank",
       [] {
         return matmul(zeros({3}), zeros({3, 5}));
       },
       "matmul: (3) float32 times (3, 5) float32"},
      {"matmul_batch",
       [] {
         return matmul(zeros({2, 3, 4}), zeros({3, 4, 5}));
       },
       "matmul: (2, 3, 4) float32 times (3, 4, 5)"},
      {"matmul_types",
       [] {
         return matmul(zeros({2, 3}), wide({3, 5}));
       },
       "matmul: (2, 3) float32 times (3, 5) float64"},
      {"linear_width",
       [] {
         return linear(zeros({64, 3136}), zeros({10, 1024}), {});
       },
       "linear: input (64, 3136) has last size 3136 but weight (10, 1024) takes 1024"},
      {"linear_bias",
       [] {
         return linear(zeros({2, 3}), zeros({4, 3}), zeros({3}));
       },
       "linear: bias (3) does not fit weight (4, 3): expected (4)"},
      {"linear_types",
       [] {
         return linear(zeros({2, 3}), wide({4, 3}), {});
       },
       "linear: input (2, 3) is float32 but a part of shape (4, 3) is float64: convert one with to()"},
      {"linear_none",
       [] {
         return linear(Tensor{}, zeros({4, 3}), {});
       },
       "linear: input () has last size 0 but weight (4, 3)"},
      {"embedding_table", [] { return embedding(zeros({3}), labels({0})); },
       "embedding: the table must have shape (entries, width), got (3)"},
      {"embedding_type",
       [] {
         return embedding(zeros({3, 2}), zeros({1}));
       },
       "embedding: indices must be int32 or int64, got float32"},
      {"embedding_range",
       [] {
         return embedding(zeros({3, 2}), labels({0, 3}));
       },
       "embedding: index 3 is outside the table of 3 entries"},
      {"embedding_negative",
       [] {
         return embedding(zeros({3, 2}), labels({-1}));
       },
       "embedding: index -1 is outside the table of 3 entries"},

      {"conv2d_rank",
       [] {
         return conv2d(zeros({8, 8, 3}), zeros({4, 3, 3, 3}), {});
       },
       "conv2d: takes images of shape (n, height, width, channels), got (8, 8, 3)"},
      {"conv2d_weight_rank",
       [] {
         return conv2d(zeros({1, 8, 8, 3}), zeros({4, 3, 3}), {});
       },
       "conv2d: weight must have shape (out, in/groups, height, width), got (4, 3, 3)"},
      {"conv2d_channels",
       [] {
         return conv2d(zeros({1, 8, 8, 3}), zeros({4, 2, 3, 3}), {});
       },
       "conv2d: input (1, 8, 8, 3) has 3 channels but weight (4, 2, 3, 3) with 1 groups takes 2"},
      {"conv2d_groups",
       [] {
         return conv2d(zeros({1, 8, 8, 4}), zeros({3, 2, 3, 3}), {}, {.groups = 2});
       },
       "3 outputs must divide by the groups"},
      {"conv2d_bias",
       [] {
         return conv2d(zeros({1, 8, 8, 3}), zeros({4, 3, 3, 3}), zeros({3}));
       },
       "conv2d: bias (3) does not fit weight (4, 3, 3, 3): expected (4)"},
      {"conv2d_stride",
       [] {
         return conv2d(zeros({1, 8, 8, 3}), zeros({4, 3, 3, 3}), {}, {.stride = 0});
       },
       "conv2d: stride 0, dilation 1 and groups 1 must be at least 1"},
      {"conv2d_padding",
       [] {
         return conv2d(zeros({1, 8, 8, 3}), zeros({4, 3, 3, 3}), {}, {.padding = -1});
       },
       "and padding -1 at least 0"},
      {"conv2d_kernel",
       [] {
         return conv2d(zeros({1, 4, 8, 3}), zeros({4, 3, 5, 5}), {});
       },
       "conv2d: kernel 5x5 with dilation 1 does not fit input 4x8 with padding 0"},
      {"conv2d_dilation",
       [] {
         return conv2d(zeros({1, 4, 8, 3}), zeros({4, 3, 3, 3}), {}, {.dilation = 2});
       },
       "conv2d: kernel 3x3 with dilation 2 does not fit input 4x8"},
      {"conv2d_empty_kernel",
       [] {
         return conv2d(zeros({1, 4, 8, 3}), zeros({4, 3, 0, 3}), {});
       },
       "conv2d: kernel 0x3"},
      {"conv2d_types",
       [] {
         return conv2d(zeros({1, 4, 8, 3}), wide({4, 3, 3, 3}), {});
       },
       "conv2d: input (1, 4, 8, 3) is float32 but a part of shape (4, 3, 3, 3) is float64"},
      {"max_pool2d_rank",
       [] {
         return max_pool2d(zeros({8, 8, 3}));
       },
       "max_pool2d: takes images of shape"},
      {"max_pool2d_window",
       [] {
         return max_pool2d(zeros({1, 2, 8, 3}), {.kernel = 3});
       },
       "max_pool2d: window 3 does not fit input 2x8 with padding 0"},
      {"max_pool2d_padding",
       [] {
         return max_pool2d(zeros({1, 8, 8, 3}), {.kernel = 3, .padding = 2});
       },
       "max_pool2d: kernel 3 and stride 3 must lie between 1 and 1048576, padding 2 between 0 and half the kernel"},
      {"avg_pool2d_kernel",
       [] {
         return avg_pool2d(zeros({1, 8, 8, 3}), {.kernel = 0});
       },
       "avg_pool2d: kernel 0 and stride 0"},
      {"avg_pool2d_stride",
       [] {
         return avg_pool2d(zeros({1, 8, 8, 3}), {.stride = -1});
       },
       "avg_pool2d: kernel 2 and stride -1"},
      {"global_avg_pool2d_rank",
       [] {
         return global_avg_pool2d(zeros({8, 3}));
       },
       "global_avg_pool2d: takes images of shape"},
      {"global_avg_pool2d_empty",
       [] {
         return global_avg_pool2d(zeros({1, 0, 2, 3}));
       },
       "mean: axis 1 of shape (1, 0, 3) is empty"},

      {"batch_norm_rank",
       [] {
         return batch_norm(zeros({3}), {zeros({3}), zeros({3}), zeros({3}), zeros({3}), true});
       },
       "batch_norm: takes shape (n, ..., channels), got (3)"},
      {"batch_norm_channels",
       [] {
         return batch_norm(zeros({2, 3}), {zeros({4}), zeros({3}), zeros({3}), zeros({3}), true});
       },
       "batch_norm: a parameter has shape (4) but input (2, 3) has 3 channels"},
      {"batch_norm_single",
       [] {
         return batch_norm(zeros({1, 3}), {zeros({3}), zeros({3}), zeros({3}), zeros({3}), true});
       },
       "batch_norm: input (1, 3) has 1 value a channel: statistics in training need at least 2 (use larger batches)"},
      {"batch_norm_types",
       [] {
         return batch_norm(zeros({2, 3}), {zeros({3}), zeros({3}), wide({3}), zeros({3}), true});
       },
       "batch_norm: input (2, 3) is float32 but a part of shape (3) is float64"},
      {"layer_norm_channels",
       [] {
         return layer_norm(zeros({2, 3}), zeros({2}), zeros({3}));
       },
       "layer_norm: a parameter has shape (2) but input (2, 3) has 3 channels"},
      {"layer_norm_none",
       [] {
         return layer_norm(zeros({2, 3}), {}, zeros({3}));
       },
       "layer_norm: a parameter has shape ()"},
      {"group_norm_groups",
       [] {
         return group_norm(zeros({2, 5}), 2, zeros({5}), zeros({5}));
       },
       "group_norm: 5 channels cannot be divided into 2 groups"},
      {"group_norm_no_group",
       [] {
         return group_norm(zeros({2, 5}), 0, zeros({5}), zeros({5}));
       },
       "group_norm: 5 channels cannot be divided into 0 groups"},
      {"dropout_one",
       [] {
         Rng rng;
         return dropout(zeros({2}), 1, rng);
       },
       "dropout: probability 1 is not in [0, 1)"},
      {"dropout_negative",
       [] {
         Rng rng;
         return dropout(zeros({2}), -0.1, rng);
       },
       "dropout: probability -0.1 is not in [0, 1)"},
      {"dropout_integers",
       [] {
         Rng rng;
         return dropout(whole({2}), 0.5, rng);
       },
       "dropout: takes float32 or float64, got int64"},

      {"reshape_size",
       [] {
         return reshape(zeros({2, 3}), {4});
       },
       "reshape: shape (2, 3) has 6 elements, (4) has 4"},
      {"reshape_inferred",
       [] {
         return reshape(zeros({2, 3}), {4, -1});
       },
       "reshape: 6 elements of shape (2, 3) cannot be divided by the given sizes (4)"},
      {"reshape_two_inferred",
       [] {
         return reshape(zeros({2, 3}), {-1, -1});
       },
       "reshape: size -1 is not possible; at most one size may be -1"},
      {"reshape_overflow",
       [] {
         return reshape(zeros({2}), {int64_t{1} << 40, int64_t{1} << 40});
       },
       "reshape: size 1099511627776 x 1099511627776 is negative or too large", ErrorKind::data},
      {"permute_short",
       [] {
         return permute(zeros({2, 3}), {0});
       },
       "permute: the order must name each of the 2 axes of shape (2, 3) once"},
      {"permute_twice",
       [] {
         return permute(zeros({2, 3}), {0, 0});
       },
       "permute: the order must name each"},
      {"permute_none", [] { return permute(Tensor{}, {}); }, "permute: the operand was never given a value"},
      {"slice_range",
       [] {
         return slice(zeros({2, 3}), 1, 2, 4);
       },
       "slice: range 2 to 4 is not inside axis 1 of shape (2, 3)"},
      {"slice_reversed",
       [] {
         return slice(zeros({2, 3}), 0, 2, 1);
       },
       "slice: range 2 to 1 is not inside axis 0"},
      {"slice_axis",
       [] {
         return slice(zeros({2, 3}), 2, 0, 1);
       },
       "slice: axis 2 is out of range for shape (2, 3)"},
      {"concat_nothing", [] { return concat({}, 0); }, "concat: needs at least one tensor"},
      {"concat_shapes",
       [] {
         return concat({zeros({2, 3}), zeros({2, 4})}, 0);
       },
       "concat: shapes (2, 3) and (2, 4) differ on another axis than 0, or in type"},
      {"concat_types",
       [] {
         return concat({zeros({2, 3}), wide({2, 3})}, 0);
       },
       "or in type"},
      {"concat_axis",
       [] {
         return concat({zeros({2, 3})}, 5);
       },
       "concat: axis 5 is out of range for shape (2, 3)"},

      {"cross_entropy_shapes",
       [] {
         return cross_entropy(zeros({4, 3}), labels({0, 1}));
       },
       "cross_entropy: takes logits (n, classes) and labels (n) or shares (n, classes), got (4, 3) and (2)"},
      {"cross_entropy_shares",
       [] {
         return cross_entropy(zeros({4, 3}), zeros({4, 2}));
       },
       "cross_entropy: input (4, 3) float32 and target (4, 2) float32 must have one shape and type"},
      {"cross_entropy_shares_gradient",
       [] {
         return cross_entropy(zeros({4, 3}), leaf(zeros({4, 3})));
       },
       "cross_entropy: the target gets no gradient: pass target.detach()"},
      {"cross_entropy_type",
       [] {
         return cross_entropy(zeros({1, 3}), zeros({1}));
       },
       "cross_entropy: labels must be int32 or int64, got float32"},
      {"cross_entropy_label",
       [] {
         return cross_entropy(zeros({2, 3}), labels({0, 3}));
       },
       "cross_entropy: label 3 is outside 0 to 2", ErrorKind::data},
      {"cross_entropy_negative_label",
       [] {
         return cross_entropy(zeros({1, 3}), labels({-1}));
       },
       "cross_entropy: label -1 is outside 0 to 2", ErrorKind::data},
      {"cross_entropy_empty",
       [] {
         return cross_entropy(zeros({0, 3}), labels({}));
       },
       "cross_entropy: the batch is empty"},
      {"cross_entropy_smoothing",
       [] {
         return cross_entropy(zeros({1, 3}), labels({0}), {.label_smoothing = 1});
       },
       "cross_entropy: label_smoothing 1 is not in [0, 1)"},
      {"cross_entropy_weights",
       [] {
         return cross_entropy(zeros({1, 3}), labels({0}), {.class_weights = zeros({2})});
       },
       "cross_entropy: class_weights (2) do not fit 3 classes"},
      {"binary_cross_entropy_shapes",
       [] {
         return binary_cross_entropy(zeros({3}), zeros({3, 1}));
       },
       "binary_cross_entropy: input (3) float32 and target (3, 1) float32 must have one shape and type"},
      {"binary_cross_entropy_range", [] { return binary_cross_entropy(Tensor::full({1}, 1.5), zeros({1})); },
       "binary_cross_entropy: 1.5 is no probability", ErrorKind::numeric},
      {"binary_cross_entropy_nan", [] { return binary_cross_entropy(Tensor::full({1}, NAN), zeros({1})); },
       "is no probability", ErrorKind::numeric},
      {"binary_cross_entropy_target", [] { return binary_cross_entropy(zeros({1}), leaf(zeros({1}))); },
       "binary_cross_entropy: the target gets no gradient: pass target.detach()"},
      {"binary_cross_entropy_logits_types", [] { return binary_cross_entropy_logits(zeros({3}), wide({3})); },
       "binary_cross_entropy_logits: input (3) float32 and target (3) float64 must have one shape and type"},
      {"mse_loss_shapes",
       [] {
         return mse_loss(zeros({64, 1}), zeros({64}));
       },
       "mse_loss: input (64, 1) float32 and target (64) float32 must have one shape and type"},
      {"lengths_sum",
       [] {
         return pool_sequences(zeros({5, 2}), {2, 2}, Pooling::mean);
       },
       "pool_sequences: the lengths of 2 sequences sum to 4, but the input has 5 rows"},
      {"lengths_negative",
       [] {
         return pool_sequences(zeros({1, 2}), {2, -1}, Pooling::mean);
       },
       "pool_sequences: a sequence has length -1"},
      {"pool_sequences_empty",
       [] {
         return pool_sequences(zeros({2, 2}), {2, 0}, Pooling::max);
       },
       "pool_sequences: sequence 1 of 2 has no tokens to pool"},
      {"pool_sequences_rank", [] { return pool_sequences(zeros({2}), {2}, Pooling::max); },
       "pool_sequences: takes inputs of shape (tokens, width), got (2)"},
      {"conv1d_channels",
       [] {
         return conv1d(zeros({4, 2}), {4}, zeros({5, 3, 2}), {});
       },
       "conv1d: input (4, 2) and weight (5, 3, 2) do not fit"},
      {"conv1d_dilation",
       [] {
         return conv1d(zeros({4, 2}), {4}, zeros({5, 2, 2}), {}, {.dilation = 0});
       },
       "conv1d: dilation 0 does not lie between 1 and 1048576"},
      {"lstm_weight",
       [] {
         return lstm(zeros({4, 2}), {4}, {zeros({12, 2}), zeros({12, 4}), {}, {}});
       },
       "lstm: the state's weight must have shape (4 hidden, hidden), got (12, 4)"},
      {"gru_input",
       [] {
         return gru(zeros({4, 2}), {4}, {zeros({12, 3}), zeros({12, 4}), {}, {}});
       },
       "gru: input (4, 2) and weights (12, 3) and (12, 4) do not fit: expected (tokens, in), (12, in) and (12, 4)"},
      {"rnn_bias",
       [] {
         return rnn(zeros({4, 2}), {4}, {zeros({3, 2}), zeros({3, 3}), zeros({3}), {}});
       },
       "rnn: takes both biases or none"},
      {"rnn_state",
       [] {
         return rnn(zeros({4, 2}), {4}, {zeros({3, 2}), zeros({3, 3}), {}, {}}, {.first = {zeros({2, 3}), {}}});
       },
       "rnn: a first state has shape (2, 3), expected (1, 3): one row a sequence"},
      {"attention_heads",
       [] {
         return attention(zeros({4, 12}), {4}, {.heads = 4, .key_heads = 3});
       },
       "attention: takes (tokens, 4 heads of queries, 3 of keys and 3 of values side by side), got (4, 12)"},
      {"attention_shared",
       [] {
         return attention(zeros({4, 8}), zeros({4, 6}), zeros({4, 6}), {4}, {4}, {4, 3});
       },
       "attention: 4 heads cannot share 3 heads of keys"},
      {"attention_width",
       [] {
         return attention(zeros({4, 7}), zeros({4, 7}), zeros({4, 7}), {4}, {4}, {2});
       },
       "attention: 7 columns of (4, 7) cannot be divided into 2 heads"},
      {"attention_columns",
       [] {
         return attention(zeros({4, 8}), zeros({4, 6}), zeros({4, 6}), {4}, {4}, {2});
       },
       "attention: keys (4, 6) have 6 columns, but 2 heads of 4 numbers need 8"},
      {"attention_values",
       [] {
         return attention(zeros({4, 8}), zeros({4, 8}), zeros({3, 8}), {4}, {4}, {2});
       },
       "attention: takes queries (tokens, width) and keys and values of one shape"},
      {"attention_sequences",
       [] {
         return attention(zeros({4, 8}), zeros({4, 8}), zeros({4, 8}), {4}, {2, 2}, {2});
       },
       "attention: 1 sequences of queries but 2 of keys"},
      {"attention_no_keys",
       [] {
         return attention(zeros({4, 8}), zeros({0, 8}), zeros({0, 8}), {4}, {0}, {2});
       },
       "attention: sequence 0 has 4 queries but 0 keys"},
      {"attention_causal",
       [] {
         return attention(zeros({4, 8}), zeros({2, 8}), zeros({2, 8}), {4}, {2}, {2, 0, true});
       },
       "attention: sequence 0 has 4 queries but 2 keys: causal attention needs a key for each query"},
      {"attention_kept",
       [] {
         return attention(zeros({1, 8}), {1}, std::vector<KeyValues>{{zeros({2, 8}), zeros({2, 8}), 3}}, {2});
       },
       "attention: 3 rows of keys (2, 8) and values (2, 8) are kept, but 8 columns are needed"},
      {"rotary_size",
       [] {
         return rotary(zeros({1, 6}), {0}, 2, 3);
       },
       "rotary: 2 heads of 3 numbers do not fit rows of (1, 6): heads need an even size"},
      {"rotary_positions",
       [] {
         return rotary(zeros({2, 6}), {0}, 1, 2);
       },
       "rotary: 1 positions for 2 rows: one is needed for each token"},
      {"rms_norm_parts",
       [] {
         return rms_norm(zeros({4, 2}), zeros({3}));
       },
       "rms_norm: a parameter has shape (3) but input (4, 2) has 2 channels"},
      {"mse_loss_empty", [] { return mse_loss(zeros({0}), zeros({0})); }, "mse_loss: the batch is empty"},
      {"l1_loss_integers", [] { return l1_loss(whole({1}), whole({1})); },
       "l1_loss: takes float32 or float64, got int64"},
      {"huber_loss_delta", [] { return huber_loss(zeros({1}), zeros({1}), 0); },
       "huber_loss: delta 0 must be positive"}};
  return list;
}

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class OpErrors : public ::testing::TestWithParam<Wrong> {};

TEST_P(OpErrors, SaysWhatIsWrong) {
  try {
    static_cast<void>(GetParam().call());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().says), std::string::npos) << error.what();
    EXPECT_EQ(error.kind(), GetParam().kind) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpErrors, ::testing::ValuesIn(wrong_calls()),
                         [](const auto& wrong) { return std::string(wrong.param.name); });

}  // namespace
}  // namespace tandem::testing
