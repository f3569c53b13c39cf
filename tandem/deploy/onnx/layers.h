// A network's layers as nodes of a graph: one function a kind of layer. Tensors keep the names and the layout that they
// have in the model file.
#pragma once
#include <tandem/deploy/onnx/graph.h>
#include <tandem/nn/sequential.h>

namespace tandem::deploy::onnx {

/// How the numbers between two layers lie. The graph has a batch axis where tandem has rows, and pads sequences:
/// (batch, width), (batch, time, width), (batch, height, width, channels), (batch, channels, height, width).
enum class Layout { rows, sequences, images, images_channels_first };

/// What goes from layer to layer.
struct Flow {
  Value value;
  Layout layout = Layout::rows;
  Value lengths = {};  // of sequences: (batch)
};

/// Where nodes are written: the graph, the name of the layer they belong to, and what layers share.
class Scope {
 public:
  explicit Scope(Graph& graph) : graph_(&graph), shared_(std::make_shared<Shared>()) {}
  /// The same for a part of this layer: within("body.").
  [[nodiscard]] Scope within(const std::string& name) const;

  Value add(const std::string& op, const std::vector<Value>& inputs, const Attributes& attributes = {}) const {
    return graph_->add(at_, op, inputs, attributes);
  }
  std::vector<Value> add_several(size_t outputs, const std::string& op, const std::vector<Value>& inputs,
                                 const Attributes& attributes = {}) const {
    return graph_->add_several(outputs, at_, op, inputs, attributes);
  }
  [[nodiscard]] Value cast(const Value& x, Type type) const {
    return add("Cast", {x}, {{"to", static_cast<int64_t>(type)}});
  }
  /// A tensor of this layer; of none "".
  [[nodiscard]] Value tensor(const std::string& name, const Tensor& values) const {
    return values.defined() ? graph_->tensor(at_ + name, values) : Value{};
  }
  [[nodiscard]] Value number(float value) const { return graph_->number(value); }
  [[nodiscard]] Value whole(int64_t value) const { return graph_->number(value); }
  [[nodiscard]] Value list(const std::vector<int64_t>& values) const { return graph_->list(values); }

  /// (batch): how many tokens each sequence has. The first call makes it an input of the graph, so that networks in
  /// which no token sees a later one need none.
  [[nodiscard]] Value lengths(const Flow& x) const;
  /// (time) int64: 0, 1, 2, …
  [[nodiscard]] Value steps(const Flow& x) const;
  /// (batch, time) bool: whether a token is one, not padding.
  [[nodiscard]] Value is_token(const Flow& x) const;

  /// The embedding that tokens went through, for a head that shares it.
  void remember_embedding(const Value& weight) const { shared_->embedding = weight; }
  [[nodiscard]] const Value& embedding() const { return shared_->embedding; }

  /// Throws the usage error that says which layer cannot be exported, why, and what to do.
  [[noreturn]] void refuse(const std::string& kind, const std::string& why) const;

 private:
  struct Shared {
    Value embedding, steps;
    std::map<Value, Value> is_token;  // by lengths
  };
  Graph* graph_;
  std::shared_ptr<Shared> shared_;
  std::string at_;
};

/// The input's name that Flow::lengths begins as.
inline constexpr const char* lengths_input = "lengths";

/// Writes layers in order, and one layer.
[[nodiscard]] Flow write_network(const Scope& scope, const nn::Sequential& net, Flow x);
[[nodiscard]] Flow write_layer(const Scope& scope, nn::Module& layer, const Flow& x);

/// y = x · weightᵀ + bias on the last axis; the tensors' names are those of the layer.
struct Affine {
  std::string weight_name, bias_name;
  Tensor weight, bias;
};
[[nodiscard]] Value write_affine(const Scope& scope, const Value& x, Layout layout, const Affine& affine);
/// x · weightᵀ with a weight that the graph has.
[[nodiscard]] Value write_product(const Scope& scope, const Value& x, const Value& weight);
[[nodiscard]] Value write_function(const Scope& scope, kernels::Unary function, const Value& x);
[[nodiscard]] Value write_layer_norm(const Scope& scope, const Value& x, const Value& weight, const Value& bias,
                                     double epsilon);
[[nodiscard]] Value write_rms_norm(const Scope& scope, const Value& x, const Value& weight, double epsilon);

/// Images with channels last, or first; other layouts as they are.
[[nodiscard]] Flow channels_last(const Scope& scope, const Flow& x);
[[nodiscard]] Flow channels_first(const Scope& scope, const Flow& x);

/// Writes one kind of layer.
using WriteLayer = Flow (*)(const Scope& scope, nn::Module& layer, const Flow& x);
using LayerTable = std::map<std::string, WriteLayer>;
/// The kinds that each file knows.
[[nodiscard]] LayerTable plain_layers();
[[nodiscard]] LayerTable image_layers();
[[nodiscard]] LayerTable sequence_layers();
[[nodiscard]] LayerTable attention_layers();

/// A row of these tables: {row<nn::Linear, linear>()}.
template <class Layer, Flow (*write)(const Scope&, const Layer&, const Flow&)>
LayerTable::value_type row() {
  return {Layer{}.kind(), [](const Scope& scope, nn::Module& layer, const Flow& x) {
            return write(scope, dynamic_cast<const Layer&>(layer), x);
          }};
}

}  // namespace tandem::deploy::onnx
