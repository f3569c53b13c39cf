#include <tandem/autograd/tape.h>
#include <tandem/kernels/elementwise.h>

#include <algorithm>
#include <atomic>
#include <queue>
#include <utility>

namespace tandem {

struct Node {
  const char* name = "";
  uint64_t order = 0;  // later operations have larger numbers: walking down them is a topological order
  bool leaf = false;
  bool consumed = false;
  std::vector<std::shared_ptr<Node>> inputs;  // null where no gradient is wanted
  Backward run;
  Tensor grad;
  std::shared_ptr<Node> next_dying;

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  // A chain of a million nodes must not free itself by recursion; nor may this ask for memory, which may be why it
  // dies.
  ~Node() {
    std::shared_ptr<Node> dying;  // the first of a list
    const auto let_go = [&dying](Node& node) {
      for (std::shared_ptr<Node>& input : node.inputs) {
        if (input.use_count() == 1) {
          input->next_dying = std::move(dying);
          dying = std::move(input);
        } else {
          input.reset();
        }
      }
    };
    let_go(*this);
    while (dying) {
      const std::shared_ptr<Node> node = std::move(dying);
      dying = std::move(node->next_dying);
      let_go(*node);
    }
  }
};

namespace {

thread_local bool record = true;
std::atomic<uint64_t> next_order = 0;  // one for all threads: their results may meet in one graph

// Adds without touching memory that others may share: the first gradient is kept as it is, a second makes a new sum.
void accumulate(Tensor& sum, const Tensor& more) {
  if (!sum.defined()) {
    sum = more;
    return;
  }
  if (sum.shape() != more.shape() || sum.dtype() != more.dtype())
    fail(ErrorKind::internal, "backward", "gradients {} and {} of one tensor do not fit", sum.shape(), more.shape());
  const Tensor total = Tensor::empty(sum.shape(), sum.dtype());
  dispatch_stored("backward", sum.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::binary(kernels::Binary::add, sum.data<const T>(), more.data<const T>(), total.data<T>());
  });
  sum = total;
}

}  // namespace

bool recording(std::span<const Tensor> inputs) noexcept {
  return record && std::ranges::any_of(inputs, [](const Tensor& t) { return t.node() != nullptr; });
}

Tensor with_grad(const char* name, Tensor output, std::span<const Tensor> inputs, Backward backward) {
  if (!recording(inputs)) return output;
  auto node = std::make_shared<Node>();
  node->name = name;
  node->order = ++next_order;
  node->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) node->inputs.push_back(input.node());
  node->run = std::move(backward);
  output.set_node(std::move(node));
  return output;
}

void require_grad(Tensor& tensor, bool on) {
  if (!on) {
    tensor.set_node(nullptr);
    return;
  }
  if (tensor.dtype() != DType::f32 && tensor.dtype() != DType::f64)
    fail("require_grad", "only float32 and float64 tensors have gradients, got {}", name_of(tensor.dtype()));
  auto node = std::make_shared<Node>();
  node->name = "leaf";
  node->leaf = true;
  tensor.set_node(std::move(node));
}

bool requires_grad(const Tensor& tensor) noexcept { return tensor.node() != nullptr; }

Tensor grad_of(const Tensor& leaf) { return leaf.node() ? leaf.node()->grad : Tensor{}; }

void clear_grad(const Tensor& leaf) {
  if (leaf.node()) leaf.node()->grad = Tensor{};
}

void backward(const Tensor& output, const Tensor& grad) {
  if (!output.node()) fail("backward", "the output does not depend on any tensor that requires a gradient");
  if (!grad.defined() && output.numel() != 1)
    fail("backward", "an output of shape {} needs a gradient to start from; only a single number does not",
         output.shape());
  if (grad.defined() && (grad.shape() != output.shape() || grad.dtype() != output.dtype()))
    fail("backward", "gradient {} {} does not have the shape and type of the output {} {}", grad.shape(),
         name_of(grad.dtype()), output.shape(), name_of(output.dtype()));

  const auto later = [](const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) { return a->order < b->order; };
  // Nodes with a gradient that is not sent on yet. When an operation throws they must not keep it.
  struct Ready : std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, decltype(later)> {
    ~Ready() {
      for (const auto& node : c) node->grad = Tensor{};
    }
  } ready;
  const auto send = [&](const std::shared_ptr<Node>& node, const Tensor& g) {
    const bool first = !node->grad.defined();
    accumulate(node->grad, g);
    if (first && !node->leaf) ready.push(node);
  };

  send(output.node(), grad.defined() ? grad.detach() : Tensor::full(output.shape(), 1.0, output.dtype()));
  const NoGrad off;
  while (!ready.empty()) {
    const std::shared_ptr<Node> node = ready.top();
    ready.pop();
    const Tensor g = std::exchange(node->grad, Tensor{});
    if (node->consumed)
      fail("backward", "the tape behind '{}' was used before: run the forward pass again", node->name);
    const Grads grads = node->run(g, Wanted(node->inputs));
    node->run = nullptr;  // frees what the forward pass kept
    node->consumed = true;
    for (size_t i = 0; i < node->inputs.size(); ++i)
      if (node->inputs[i] && i < grads.size() && grads[i].defined()) send(node->inputs[i], grads[i]);
    // The inputs stay linked: freeing them is ~Node's work, which does it without recursion.
  }
}

NoGrad::NoGrad() : before_(record) { record = false; }
NoGrad::~NoGrad() { record = before_; }

}  // namespace tandem
