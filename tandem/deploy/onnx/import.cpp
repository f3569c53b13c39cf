#include <tandem/base/text.h>
#include <tandem/deploy/onnx/import.h>
#include <tandem/deploy/onnx/read.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/weights.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::deploy::onnx {
namespace {

constexpr int deepest = 32;  // branches within branches

const std::set<std::string> same_numbers{"Identity", "Dropout"};
const std::set<std::string> arithmetic{"Add", "Sub", "Mul", "Div"};

// The number that was meant: 1e-5 and not 9.999999747378752e-06.
double decimal(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

// Follows a graph from its picture to its answer and makes a layer of each node.
class Importer {
 public:
  Importer(ReadModel model, const std::string& where, const ImportOptions& options)
      : model_(std::move(model)), where_(where), options_(options) {}

  tasks::Classifier run() {
    tasks::Classifier out;
    State s = begin();
    find_users();
    const auto rest = chain(s, out.net, "", 0);
    if (rest) refuse(model_.nodes[*rest], "it joins branches that did not part from one value");
    if (s.at != answer_)
      fail(ErrorKind::data, where_, "answers with '{}', another output of a node than its first, which is not known",
           answer_);
    if (s.flattened != Shape{})
      fail(ErrorKind::data, where_, "answers with an image of {} as a row, expected a linear layer behind it",
           s.flattened);
    if (s.shape.rank() != 1)
      fail(ErrorKind::data, where_, "gives numbers of shape {} for a picture, expected one a class", s.shape);
    out.input = input();
    if (s.shape[0] == 1) {
      const bool sigmoid = out.net.layers().back()->kind() == "sigmoid";
      out.loss = sigmoid ? "binary_cross_entropy" : "binary_cross_entropy_logits";
    }
    out.classes = classes(std::max<int64_t>(2, s.shape[0]));
    out.build(Rng(0, "import"));
    nn::assign(out.net, weights_, where_);
    return out;
  }

 private:
  /// A value on its way: of one picture, in tandem's order of axes.
  struct State {
    Value at;
    Shape shape;
    bool channels_first = false;
    Shape flattened = {};  // (h, w, c) of an image that was flattened channel by channel
    bool ones = false;     // a row that the file has as (batch, channels, 1, 1)
  };

  [[noreturn]] void refuse(const ReadNode& node, const std::string& why) const {
    fail(ErrorKind::data, where_, "node '{}' ({}) has no layer here: {}", node.name, node.op, why);
  }

  // --- what goes in

  State begin() {
    if (model_.inputs.size() != 1)
      fail(ErrorKind::data, where_, "has {} inputs, expected one, of pictures", model_.inputs.size());
    const Port& port = model_.inputs[0];
    const auto size_at = [&](size_t axis) {
      const auto* size = std::get_if<int64_t>(&port.axes.at(axis));
      return size ? *size : 0;
    };
    const auto colours = [&](size_t axis) {
      return port.axes.size() == 4 && (size_at(axis) == 1 || size_at(axis) == 3);
    };
    const bool first = colours(1);
    if ((port.type != Type::u8 && port.type != Type::f32) || (!first && !colours(3)))
      fail(ErrorKind::data, where_, "takes {}, expected pictures of 1 or 3 channels in float32 or uint8", port.text());
    const auto side = [&](size_t axis, int64_t given) {
      const int64_t size = size_at(axis);
      if (size < 1 && given < 1)
        fail("--size", "{} leaves the size of its pictures open: give it, as in --size 224", where_);
      return size < 1 ? given : size;
    };
    State s{port.name,
            {side(first ? 2 : 1, options_.height), side(first ? 3 : 2, options_.width), size_at(first ? 1 : 3)},
            first};
    const auto channels = static_cast<size_t>(s.shape[2]);
    for (const auto* list : {&options_.mean, &options_.std})
      if (!list->empty() && list->size() != channels)
        fail("--mean", "{} numbers are given for {} channels: give one for each, of --mean and of --std", list->size(),
             channels);
    if (port.type == Type::u8 && !(options_.mean.empty() && options_.std.empty()))
      fail("--mean", "{} takes bytes and normalises them itself: leave --mean and --std out", where_);
    for (size_t c = 0; c < channels; ++c) {
      const double std = options_.std.empty() ? 1 : options_.std[c],
                   mean = options_.mean.empty() ? 0 : options_.mean[c];
      if (!(std > 0)) fail("--std", "expected numbers above 0, got {}", std);
      scale_.push_back(port.type == Type::u8 ? 1 : 1 / (255 * std));
      shift_.push_back(port.type == Type::u8 ? 0 : -mean / std);
    }
    pixels_ = s.shape;
    return s;
  }

  [[nodiscard]] tasks::ImageInput input() const {
    tasks::ImageInput out{pixels_[0], pixels_[1], pixels_[2], {}, {}};
    for (size_t c = 0; c < scale_.size(); ++c) {  // scale · pixel + shift = (pixel / 255 - mean) / std
      out.std.push_back(1 / (255 * scale_[c]));
      out.mean.push_back(-shift_[c] * out.std.back());
    }
    for (const double mean : out.mean)
      if (!std::isfinite(mean))
        fail(ErrorKind::data, where_, "normalises its pictures with {}: the file is damaged", mean);
    out.check(where_);
    return out;
  }

  [[nodiscard]] std::vector<std::string> classes(int64_t count) const {
    std::vector<std::string> out = options_.classes;
    const auto noted = model_.notes.find("classes");
    if (out.empty() && noted != model_.notes.end()) {
      const auto list = nlohmann::json::parse(noted->second, nullptr, false);
      if (list.is_array())
        for (const auto& name : list) out.push_back(name.is_string() ? name.get<std::string>() : name.dump());
    }
    if (out.empty())
      for (int64_t c = 0; c < count; ++c) out.push_back(std::to_string(c));
    if (std::ssize(out) != count)
      fail("--classes", "{} names are given, {} tells {} classes apart", out.size(), where_, count);
    return out;
  }

  // --- the way through the graph

  // Which nodes read a value, of those that the answer rests on. Shapes that are calculated on the way are left out.
  void find_users() {
    const auto& outputs = model_.outputs;
    if (outputs.empty()) fail(ErrorKind::data, where_, "has no output");
    std::map<Value, size_t> maker;
    for (size_t i = 0; i < model_.nodes.size(); ++i)
      for (const Value& value : model_.nodes[i].outputs) maker.emplace(value, i);
    answer_ = std::ranges::find(outputs, "logits") != outputs.end() ? "logits" : outputs[0];
    std::vector<Value> wanted{answer_};
    std::set<size_t> seen;
    while (!wanted.empty()) {
      const auto found = maker.find(wanted.back());
      wanted.pop_back();
      if (found == maker.end() || !seen.insert(found->second).second) continue;
      for (const Value& value : data_of(model_.nodes[found->second])) {
        wanted.push_back(value);
        users_[value].insert(found->second);
      }
    }
  }

  // The inputs of a node that come from the picture.
  [[nodiscard]] std::vector<Value> data_of(const ReadNode& node) const {
    const bool several = arithmetic.contains(node.op) || node.op == "Concat" || node.op == "Sum";
    std::vector<Value> out;
    for (const Value& value : node.inputs)
      if (!value.empty() && !model_.tensors.contains(value) && (several || out.empty())) out.push_back(value);
    return out;
  }

  // Writes layers from `s` on, whose first node is `first` if given, until the answer, or a node that joins branches.
  std::optional<size_t> chain(State& s, nn::Sequential& into, const std::string& at, int depth,
                              std::optional<size_t> first = {}) {
    for (std::optional<size_t> next = first;; next.reset()) {
      if (!next) {
        const std::set<size_t>& users = users_[s.at];
        if (users.empty()) return std::nullopt;
        if (users.size() > 1) {
          fork(s, into, at, depth, users);
          continue;
        }
        next = *users.begin();
      }
      const ReadNode& node = model_.nodes[*next];
      if (data_of(node).size() > 1) return next;
      if (!visited_.insert(*next).second) refuse(node, "the graph goes round in a circle");
      const size_t before = into.layers().size();
      convert(node, s, into, fmt::format("{}{}.", at, before));
      if (into.layers().size() > before) raw_ = false;
      s.at = node.outputs[0];
    }
  }

  // What begins at one value: layers up to the node that joins it with others.
  struct Branch {
    State end;
    nn::Sequential layers;
    std::vector<std::pair<std::string, Tensor>> weights;
    std::optional<size_t> join;
  };

  // Goes on with a branch, whose tensors are kept apart.
  void go_on(Branch& branch, int depth, std::optional<size_t> first = {}) {
    std::swap(weights_, branch.weights);
    branch.join = chain(branch.end, branch.layers, "", depth, first);
    std::swap(weights_, branch.weights);
  }

  // Joins the branches that begin at `s`, those first that a node joins without the others, until one layer is left.
  void fork(State& s, nn::Sequential& into, const std::string& at, int depth, const std::set<size_t>& users) {
    const ReadNode& first = model_.nodes[*users.begin()];
    if (depth == deepest) refuse(first, fmt::format("branches part more than {} times within each other", deepest));
    raw_ = false;
    std::vector<Branch> branches;
    for (const size_t user : users) go_on(branches.emplace_back(Branch{s, {}, {}, {}}), depth + 1, user);
    while (branches.size() > 1) {
      const auto complete = std::ranges::find_if(branches, [&](const Branch& branch) {
        const auto together = std::ranges::count(branches, branch.join, &Branch::join);
        return branch.join && std::cmp_equal(together, data_of(model_.nodes[*branch.join]).size());
      });
      if (complete == branches.end()) refuse(first, "what begins here does not meet again in one Add or Concat");
      const size_t join = *complete->join;
      std::vector<Branch> parts;
      for (Branch& branch : branches)
        if (branch.join == join) parts.push_back(std::move(branch));
      std::erase_if(branches, [&](const Branch& branch) { return branch.join == join; });
      Branch& one = branches.emplace_back(joined(join, parts));
      if (branches.size() > 1) go_on(one, depth + 1);
    }
    const std::string name = fmt::format("{}{}.", at, into.layers().size());
    for (auto& [tensor, values] : branches[0].weights) keep(name + tensor.substr(2), values);  // without its "0."
    into.add(branches[0].layers.layers()[0]->clone());
    s = branches[0].end;
  }

  // One layer of the branches that a node joins.
  Branch joined(size_t join, std::vector<Branch>& branches) {
    const ReadNode& node = model_.nodes[join];
    if (!visited_.insert(join).second) refuse(node, "the graph goes round in a circle");
    std::vector<Branch*> parts;
    for (const Value& end : data_of(node)) {
      const auto found = std::ranges::find(branches, end, [](const Branch& b) { return b.end.at; });
      if (found == branches.end()) refuse(node, "it joins what did not part from one value");
      parts.push_back(&*found);
    }
    if (parts.size() != node.inputs.size()) refuse(node, "it joins branches with a tensor of the file");
    Branch out{parts[0]->end, {}, {}, {}};
    for (const Branch* part : parts)
      if (part->end.channels_first != out.end.channels_first || part->end.ones != out.end.ones ||
          part->end.flattened != Shape{} || part->end.shape.with(-1, 0) != out.end.shape.with(-1, 0))
        refuse(node, "its branches are no images of one layout and size");
    const auto layers_of = [&](Branch& branch, const std::string& name) {
      for (auto& [tensor, values] : branch.weights) out.weights.emplace_back("0." + name + tensor, values);
      return std::move(branch.layers);
    };
    if (node.op == "Add" || node.op == "Sum") {
      Branch *body = parts.front(), *side = parts.back();
      if (body->layers.layers().size() < side->layers.layers().size()) std::swap(body, side);
      if (parts.size() != 2 || body == side || body->layers.empty() || body->end.shape != side->end.shape)
        refuse(node, "expected the sum of two branches of one shape");
      auto layer = std::make_unique<nn::Residual>();
      layer->body = layers_of(*body, "body."), layer->shortcut = layers_of(*side, "shortcut.");
      out.layers.add(std::move(layer));
    } else {
      const auto axis = node.get<int64_t>("axis", 1);
      const int64_t axes = is_row(out.end) ? 2 : 4, channels = axes == 4 && !is_first(out.end) ? 3 : 1;
      if (node.op != "Concat" || (axis != channels && axis != channels - axes))
        refuse(node, "branches are joined by Add, or by Concat along the channels");
      auto layer = std::make_unique<nn::Parallel>();
      int64_t width = 0;
      for (size_t i = 0; i < parts.size(); ++i) {
        width += parts[i]->end.shape[-1];
        layer->branches.push_back(layers_of(*parts[i], fmt::format("{}.", i)));
      }
      out.end.shape = out.end.shape.with(-1, width);
      out.layers.add(std::move(layer));
    }
    out.end.at = node.outputs[0];
    return out;
  }

  // --- nodes

  void convert(const ReadNode& node, State& s, nn::Sequential& into, const std::string& at) {
    const std::string& op = node.op;
    if (op == "Cast") return cast(node);
    if (same_numbers.contains(op)) return;
    if (arithmetic.contains(op)) return with_constant(node, s, into);
    if (op == "Transpose") return transpose(node, s);
    if (op == "Conv") return conv(node, s, into, at);
    if (op == "BatchNormalization") return batch_norm(node, s, into, at);
    if (op == "MaxPool" || op == "AveragePool") return pool(node, s, into);
    if (op == "GlobalAveragePool" || op == "ReduceMean") return global_pool(node, s, into);
    if (op == "Gemm" || op == "MatMul") return linear(node, s, into, at);
    if (op == "Flatten" || op == "Reshape" || op == "Squeeze") return flatten(node, s, into);
    if (op == "Relu") return push(nn::ReLU{}, s, into);
    if (op == "Sigmoid") return push(nn::Sigmoid{}, s, into);
    if (op == "Tanh") return push(nn::Tanh{}, s, into);
    if (op == "LeakyRelu") {
      nn::LeakyReLU layer;
      layer.slope = decimal(node.get<float>("alpha", 0.01F));
      return push(layer, s, into);
    }
    if ((op == "Softmax" || op == "LogSoftmax") && is_last(node)) {  // a classifier's own
      const auto axis = node.get<int64_t>("axis", 1);
      if (s.shape.rank() != 1 || s.shape[0] == 1 || (axis != 1 && (axis != -1 || s.ones)))
        refuse(node, "it is known over the classes, of which there are two or more");
      return;
    }
    refuse(node,
           "known are convolutions, pools, batch norms, linear layers, relu, leaky_relu, sigmoid, tanh, sums and "
           "joined channels");
  }

  [[nodiscard]] bool is_last(const ReadNode& node) {
    return std::ranges::all_of(users_[node.outputs[0]], [&](size_t user) {
      const ReadNode& next = model_.nodes[user];
      return next.op == "Identity" && users_[next.outputs[0]].empty();
    });
  }

  // The file has channels before height and width, or as the second axis of (batch, channels, 1, 1).
  [[nodiscard]] static bool is_first(const State& s) { return s.shape.rank() == 3 ? s.channels_first : s.ones; }
  [[nodiscard]] static bool is_row(const State& s) { return s.shape.rank() == 1 && !s.ones; }

  void cast(const ReadNode& node) const {
    constexpr std::array<int64_t, 4> floating{1, 10, 11, 16};  // float32, float16, float64, bfloat16
    if (std::ranges::find(floating, node.get<int64_t>("to", 1)) == floating.end())
      refuse(node, "it makes whole numbers, or other things, of what it gets");
  }

  template <class Layer>
  void push(const Layer& layer, State& s, nn::Sequential& into) {
    auto own = std::make_unique<Layer>(layer);
    nn::Build build{Rng(0, "import")};
    try {
      s.shape = own->build(s.shape, build);
    } catch (const Error& e) {
      fail(ErrorKind::data, where_, "its layer {} is not possible: {}", into.layers().size(), e.what());
    }
    into.add(std::move(own));
  }

  // Input `index` of a node as float32 of this shape; a size of 0 may be any.
  [[nodiscard]] Tensor constant(const ReadNode& node, size_t index, const Shape& shape) const {
    const auto found = index < node.inputs.size() ? model_.tensors.find(node.inputs[index]) : model_.tensors.end();
    if (found == model_.tensors.end() || !found->second.defined())
      refuse(node, fmt::format("its input {} is no tensor of the file", index));
    const Tensor& t = found->second;
    bool fits = t.rank() == shape.rank();
    for (int axis = 0; fits && axis < t.rank(); ++axis) fits = shape[axis] == 0 || shape[axis] == t.shape()[axis];
    if (!fits || t.numel() == 0)
      refuse(node, fmt::format("its input {} has shape {}, expected {} (0: any)", index, t.shape(), shape));
    return t.to(DType::f32);
  }
  [[nodiscard]] static bool has(const ReadNode& node, size_t index) {
    return index < node.inputs.size() && !node.inputs[index].empty();
  }

  void keep(const std::string& name, const Tensor& values) { weights_.emplace_back(name, values); }

  void expect_image(const ReadNode& node, const State& s) const {
    if (s.shape.rank() != 3 || !s.channels_first)
      refuse(node, "it takes images of (batch, channels, height, width), and gets others");
  }

  // The one number that a list of sizes holds for both axes.
  [[nodiscard]] int64_t square(const ReadNode& node, const std::string& key, int64_t other) const {
    const auto list = node.get<std::vector<int64_t>>(key, {other, other});
    if (std::ranges::any_of(list, [&](int64_t v) { return v != list[0] || v < 0 || v > 1023; }))
      refuse(node, fmt::format("its {} is [{}]: the same number from 0 to 1023 for all sides is known", key,
                               fmt::join(list, ", ")));
    return list[0];
  }
  [[nodiscard]] int64_t padding(const ReadNode& node, int64_t kernel, int64_t stride, int64_t dilation) const {
    const std::string how = node.get<std::string>("auto_pad", "NOTSET");
    if (how == "VALID") return 0;
    if (how == "NOTSET") return square(node, "pads", 0);
    if (how != "SAME_UPPER" && how != "SAME_LOWER") refuse(node, fmt::format("auto_pad {} is not known", how));
    if (stride != 1 || dilation * (kernel - 1) % 2 != 0)
      refuse(node, fmt::format("auto_pad {} with stride {} pads one side more than the other", how, stride));
    return dilation * (kernel - 1) / 2;
  }

  void conv(const ReadNode& node, State& s, nn::Sequential& into, const std::string& at) {
    expect_image(node, s);
    const Tensor weight = constant(node, 1, {0, 0, 0, 0});
    nn::Conv2d layer;
    layer.filters = weight.size(0), layer.kernel = weight.size(2), layer.groups = node.get<int64_t>("group", 1);
    layer.stride = square(node, "strides", 1), layer.dilation = square(node, "dilations", 1);
    if (weight.size(3) != layer.kernel || layer.stride < 1 || layer.dilation < 1 || layer.groups < 1 ||
        layer.groups > 65536 || weight.size(1) * layer.groups != s.shape[2])
      refuse(node, fmt::format("its weight has shape {} for {} channels in {} groups: square kernels are known",
                               weight.shape(), s.shape[2], layer.groups));
    layer.padding = padding(node, layer.kernel, layer.stride, layer.dilation);
    layer.with_bias = has(node, 2);
    push(layer, s, into);
    keep(at + "weight", weight);
    if (layer.with_bias) keep(at + "bias", constant(node, 2, {layer.filters}));
  }

  void batch_norm(const ReadNode& node, State& s, nn::Sequential& into, const std::string& at) {
    if (s.shape.rank() == 3) expect_image(node, s);
    if (s.flattened != Shape{}) refuse(node, "it stands between a flattened image and a linear layer");
    nn::BatchNorm layer;
    layer.epsilon = decimal(node.get<float>("epsilon", 1e-5F));
    const Shape channels{s.shape[-1]};
    const char* const parts[]{"weight", "bias", "running_mean", "running_var"};
    for (size_t i = 0; i < 4; ++i) keep(at + parts[i], constant(node, i + 1, channels));
    push(layer, s, into);
  }

  void pool(const ReadNode& node, State& s, nn::Sequential& into) {
    expect_image(node, s);
    const int64_t kernel = square(node, "kernel_shape", 0), stride = square(node, "strides", 1);
    if (kernel < 1 || stride < 1) refuse(node, fmt::format("its windows of {} move by {}", kernel, stride));
    const int64_t pad = padding(node, kernel, stride, 1);
    const auto reaches_over = [&](int axis) { return (s.shape[axis] + 2 * pad - kernel) % stride != 0; };
    if (node.get<int64_t>("ceil_mode", 0) != 0 && (reaches_over(0) || reaches_over(1)))
      refuse(node, "its windows reach over the edge (ceil_mode)");
    if (square(node, "dilations", 1) != 1 ||
        (node.op == "AveragePool" && pad > 0 && node.get<int64_t>("count_include_pad", 0) != 0))
      refuse(node, "windows that are spread, or count their padding, are not known");
    if (node.op == "MaxPool")
      push(nn::MaxPool2d{kernel, stride, pad}, s, into);
    else
      push(nn::AvgPool2d{kernel, stride, pad}, s, into);
  }

  void global_pool(const ReadNode& node, State& s, nn::Sequential& into) {
    expect_image(node, s);
    if (node.op == "ReduceMean") {
      auto axes = node.get<std::vector<int64_t>>("axes", {});
      if (has(node, 1)) {
        const auto found = model_.tensors.find(node.inputs[1]);
        if (found != model_.tensors.end() && found->second.defined() && found->second.dtype() == DType::i64)
          axes.assign(found->second.data<const int64_t>().begin(), found->second.data<const int64_t>().end());
      }
      for (int64_t& axis : axes) axis = axis < 0 ? axis + 4 : axis;
      std::ranges::sort(axes);
      if (axes != std::vector<int64_t>{2, 3}) refuse(node, "means over height and width are known");
    }
    push(nn::GlobalAvgPool{}, s, into);
    s.ones = node.op == "GlobalAveragePool" || node.get<int64_t>("keepdims", 1) != 0;
  }

  void linear(const ReadNode& node, State& s, nn::Sequential& into, const std::string& at) {
    if (s.shape.rank() != 1) refuse(node, fmt::format("it takes vectors, and gets images {}: flatten them", s.shape));
    const bool gemm = node.op == "Gemm";
    if (gemm &&
        (node.get<float>("alpha", 1) != 1 || node.get<float>("beta", 1) != 1 || node.get<int64_t>("transA", 0) != 0))
      refuse(node, "alpha and beta of 1 and no transA are known");
    Tensor weight = constant(node, 1, {0, 0});
    if (!gemm || node.get<int64_t>("transB", 0) == 0) weight = transposed(weight);
    if (weight.size(1) != s.shape[0])
      refuse(node, fmt::format("it takes {} numbers, and gets {}", weight.size(1), s.shape[0]));
    if (s.flattened != Shape{}) weight = channels_last(weight, s.flattened);
    s.flattened = {};
    nn::Linear layer{weight.size(0)};
    layer.with_bias = gemm && has(node, 2);
    push(layer, s, into);
    keep(at + "weight", weight);
    if (layer.with_bias) keep(at + "bias", constant(node, 2, {layer.units}));
  }

  void flatten(const ReadNode& node, State& s, nn::Sequential& into) {
    const bool row = s.shape.rank() == 1;
    if ((node.op == "Squeeze" && !row) || node.get<int64_t>("axis", 1) != 1)
      refuse(node, "an image becomes a row by Flatten or Reshape");
    if (node.op == "Reshape" && has(node, 1)) {
      const auto found = model_.tensors.find(node.inputs[1]);  // not there: a size that is calculated
      if (found != model_.tensors.end() && !is_size_of_row(found->second, s.shape.numel()))
        refuse(node, fmt::format("it becomes (batch, {}), other shapes are not known", s.shape.numel()));
    }
    s.ones = false;
    if (row) return;
    if (s.channels_first && s.shape.product(0, 2) > 1 && s.shape[2] > 1) s.flattened = s.shape;
    push(nn::Flatten{}, s, into);
  }

  static bool is_size_of_row(const Tensor& size, int64_t numbers) {
    if (!size.defined() || size.dtype() != DType::i64 || size.numel() != 2) return false;
    const int64_t second = size.data<const int64_t>()[1];
    return second == -1 || second == numbers;
  }

  void transpose(const ReadNode& node, State& s) const {
    const auto order = node.get<std::vector<int64_t>>("perm", {});
    const std::vector<int64_t> to_first{0, 3, 1, 2}, to_last{0, 2, 3, 1};
    if (s.shape.rank() != 3 || order != (s.channels_first ? to_last : to_first))
      refuse(node, "images are turned to channels first or last, other orders of axes are not known");
    s.channels_first = !s.channels_first;
  }

  // Before the first layer it normalises the picture; behind a product it is a linear layer's bias.
  void with_constant(const ReadNode& node, const State& s, nn::Sequential& into) {
    const bool given_first = model_.tensors.contains(node.inputs.at(0));
    const auto found = model_.tensors.find(node.inputs.at(given_first ? 0 : node.inputs.size() - 1));
    if (found == model_.tensors.end() || !found->second.defined()) refuse(node, "it calculates with no tensor");
    const Tensor values = found->second.to(DType::f64);
    const int64_t channels = s.shape[-1];
    const int axis = values.rank() - (is_first(s) ? 3 : 1);  // counted from the end, as the file spreads it
    if (values.numel() != 1 && (values.numel() != channels || axis < 0 || values.shape()[axis] != channels))
      refuse(node,
             fmt::format("it calculates with a tensor {}: one number, or one a channel, is known", values.shape()));
    const auto value = [&](int64_t c) { return values.at(values.numel() == 1 ? 0 : c); };
    if (raw_ && !(given_first && (node.op == "Sub" || node.op == "Div"))) {
      for (int64_t c = 0; c < channels; ++c) {
        double &scale = scale_[static_cast<size_t>(c)], &shift = shift_[static_cast<size_t>(c)];
        if (node.op == "Add") shift += value(c);
        if (node.op == "Sub") shift -= value(c);
        if (node.op == "Mul") scale *= value(c), shift *= value(c);
        if (node.op == "Div") scale /= value(c), shift /= value(c);
      }
      return;
    }
    auto* layer = into.empty() ? nullptr : dynamic_cast<nn::Linear*>(into.layers().back().get());
    const bool behind_product = layer && !layer->with_bias;
    if (node.op != "Add" || !behind_product) refuse(node, "arithmetic is known before the first layer alone");
    layer->with_bias = true;
    std::string name = weights_.back().first;
    name.replace(name.size() - std::string_view("weight").size(), std::string::npos, "bias");
    Tensor bias = Tensor::empty({channels});
    for (int64_t c = 0; c < channels; ++c) bias.data<float>()[static_cast<size_t>(c)] = static_cast<float>(value(c));
    keep(name, bias);
  }

  static Tensor transposed(const Tensor& t) {
    const int64_t rows = t.size(0), columns = t.size(1);
    Tensor out = Tensor::empty({columns, rows});
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        out.data<float>()[static_cast<size_t>(j * rows + i)] =
            t.data<const float>()[static_cast<size_t>(i * columns + j)];
    return out;
  }
  // Columns that stand for (channels, height, width), in the order (height, width, channels).
  static Tensor channels_last(const Tensor& weight, const Shape& image) {
    const int64_t area = image[0] * image[1], channels = image[2];
    Tensor out = Tensor::empty(weight.shape());
    for (int64_t row = 0; row < weight.size(0); ++row)
      for (int64_t at = 0; at < area; ++at)
        for (int64_t c = 0; c < channels; ++c)
          out.data<float>()[static_cast<size_t>((row * area + at) * channels + c)] =
              weight.data<const float>()[static_cast<size_t>((row * channels + c) * area + at)];
    return out;
  }

  ReadModel model_;
  const std::string& where_;
  const ImportOptions& options_;
  Value answer_;
  std::map<Value, std::set<size_t>> users_;
  std::set<size_t> visited_;
  Shape pixels_;
  std::vector<double> scale_, shift_;  // what becomes of a pixel of 0 … 255 before the first layer, by channel
  bool raw_ = true;                    // no layer yet
  std::vector<std::pair<std::string, Tensor>> weights_;
};

}  // namespace

tasks::Classifier classifier_of(std::string_view bytes, const std::string& where, const ImportOptions& options) {
  return Importer(parse(bytes, where), where, options).run();
}

}  // namespace tandem::deploy::onnx
