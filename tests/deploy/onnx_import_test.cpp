// Networks of pictures from ONNX files: our own come back, PyTorch's give what PyTorch says, and all else is refused.
#include <tandem/data/formats/image.h>
#include <tandem/deploy/onnx/export.h>
#include <tandem/deploy/onnx/import.h>
#include <tandem/nn/models.h>
#include <tandem/tensor/safetensors.h>

#include "tests/deploy/onnx.h"
#include "tests/deploy/onnx_draft.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using deploy::onnx::Axis;
using deploy::onnx::classifier_of;
using deploy::onnx::Graph;
using deploy::onnx::ImportOptions;
using deploy::onnx::Type;
using deploy::onnx::Value;
using tasks::Classifier;

const fs::path fixtures = fs::path(TANDEM_SOURCE_DIR) / "tests/deploy/fixtures";

Classifier model_of(nn::Sequential net, const data::Dataset& set, const std::string& loss = "cross_entropy") {
  Classifier model;
  model.net = std::move(net);
  model.input = tasks::fit_input(set);
  model.classes = set.classes;
  model.loss = loss;
  model.build(Rng(1, "weights"));
  Rng rng(2, "disturb");
  model.net.visit("", [&](const std::string&, Tensor& t, bool) {
    for (float& value : t.data<float>()) value += static_cast<float>(rng.uniform(0.02, 0.1));
  });
  return model;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << i;
}

TEST(OnnxImport, WhatWeWriteComesBack) {
  data::Dataset set = bands(6, 1, 12);
  for (const char* net :
       {"[flatten, linear: 9, relu, linear: classes]",
        "[conv: {filters: 6, padding: same, bias: false}, batch_norm, relu, max_pool: 2, conv: {filters: 4, stride: 2, "
        "groups: 2, dilation: 1}, leaky_relu: 0.2, avg_pool: {kernel: 2, stride: 1}, flatten, dropout, linear: 7, "
        "sigmoid, linear: classes]",
        "[conv: 4, parallel: {branches: [[conv: {filters: 2, kernel: 1}, tanh], [conv: {filters: 3, padding: same}], "
        "[residual: {body: [conv: {filters: 4, padding: same}, relu]}]]}, relu, global_avg_pool, linear: classes]"}) {
    SCOPED_TRACE(net);
    Classifier model = model_of(nn::Sequential::read(Config::parse(net, "net")), set);
    Classifier back = classifier_of(deploy::onnx::graph_of(model).bytes("model", "1"), "file.onnx", {});
    EXPECT_EQ(back.classes, model.classes);
    expect_near(back.predict(set), model.predict(set));
  }
  Classifier resnet = model_of(nn::resnet(20), set);
  Classifier back = classifier_of(deploy::onnx::graph_of(resnet).bytes("model", "1"), "file.onnx", {});
  std::string layers = resnet.net.write().str();  // but for how weights began, and a number in place of a word
  const auto replace = [&](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = layers.find(from, at)) != std::string::npos;) layers.replace(at, from.size(), to);
  };
  replace("init: he", "init: uniform"), replace("units: classes", "units: 3");
  EXPECT_EQ(back.net.write().str(), layers);
  expect_near(back.predict(set), resnet.predict(set));

  set.classes = {"no", "yes"};
  for (int32_t& label : set.labels) label = label % 2;
  Classifier two =
      model_of(nn::Sequential::read(Config::parse("[flatten, linear: 1]", "net")), set, "binary_cross_entropy_logits");
  Classifier two_back = classifier_of(deploy::onnx::graph_of(two).bytes("model", "1"), "file.onnx", {});
  EXPECT_EQ(two_back.loss, two.loss);
  expect_near(two_back.predict(set), two.predict(set));
}

// tests/deploy/make_onnx_fixtures.py wrote the networks with PyTorch, and what PyTorch says of some pictures.
TEST(OnnxImport, NetworksOfPyTorch) {
  for (const char* name : {"plain", "residual", "joined"}) {
    SCOPED_TRACE(name);
    const TensorFile file = read_safetensors(fixtures / fmt::format("{}.safetensors", name));
    Classifier model = classifier_of(read_text(fixtures / fmt::format("{}.onnx", name)), name,
                                     {.classes = {"a", "b", "c", "d"},
                                      .mean = {0.485, 0.456, 0.406},
                                      .std = {0.229, 0.224, 0.225},
                                      .height = 16,
                                      .width = 16});
    data::Dataset set{.inputs = file.find("pixels"),
                      .labels = std::vector<int32_t>(3, 0),
                      .classes = model.classes,
                      .source = "pixels"};
    const Tensor expected = file.find("probabilities");
    expect_near(model.predict(set), {expected.data<const float>().begin(), expected.data<const float>().end()});
  }
}

using Sizes = std::vector<int64_t>;

TEST(OnnxImport, BiasesNormalisationAndShapesInOtherWords) {
  Draft d;
  d.add("Sub", {d.tensor("mean", {1, 1, 1, 1})}).add("Mul", {d.graph.number(4.0F)});
  d.add("Conv", {d.tensor("w", {2, 1, 3, 3})}, {{"auto_pad", "SAME_UPPER"}}).add("Relu");
  d.add("ReduceMean", {}, {{"axes", Sizes{-1, -2}}, {"keepdims", int64_t{1}}}).add("Flatten");
  d.add("MatMul", {d.tensor("m", {2, 2})}).add("Add", {d.tensor("b", {2})}).add("Softmax");
  const Classifier model = d.read();
  EXPECT_EQ(model.net.write().str(),
            nn::Sequential::read(Config::parse("[conv: {filters: 2, kernel: 3, padding: 1, bias: false}, "
                                               "relu, global_avg_pool, linear: {units: 2}]",
                                               "net"))
                .write()
                .str());
  EXPECT_NEAR(model.image().mean[0], 0.5, 1e-6);
  EXPECT_NEAR(model.image().std[0], 0.25, 1e-6);
  EXPECT_EQ(model.classes, (std::vector<std::string>{"0", "1"}));
}

TEST(OnnxImport, RefusesByNodeWhatHasNoLayer) {
  const auto flat = [](Draft& d) { d.add("Flatten").add("Gemm", {d.tensor("g", {16, 2})}); };
  expect_refused({"draft.onnx", "node 'Erf' (Erf) has no layer here", "known are"}, [](Draft& d) { d.add("Erf"); });
  expect_refused({"gives numbers of shape (4, 4, 1)"}, [](Draft& d) { d.add("Relu"); });
  expect_refused({"(Conv)", "input 1 is no tensor"}, [](Draft& d) { d.add("Conv", {"nowhere"}); });
  expect_refused({"(Conv)", "has shape (2, 3, 3, 3) for 1 channels"}, [](Draft& d) {
    d.add("Conv", {d.tensor("w", {2, 3, 3, 3})});
  });
  expect_refused({"(Conv)", "its pads is [0, 0, 1, 1]"}, [](Draft& d) {
    d.add("Conv", {d.tensor("w", {2, 1, 3, 3})}, {{"pads", Sizes{0, 0, 1, 1}}});
  });
  expect_refused({"(Conv)", "auto_pad SAME_UPPER with stride 2"}, [](Draft& d) {
    d.add("Conv", {d.tensor("w", {2, 1, 3, 3})}, {{"auto_pad", "SAME_UPPER"}, {"strides", Sizes{2, 2}}});
  });
  expect_refused({"layer 0 is not possible", "larger than its input"}, [](Draft& d) {
    d.add("Conv", {d.tensor("w", {2, 1, 7, 7})});
  });
  expect_refused({"(BatchNormalization)", "input 1 has shape (3), expected (1)"}, [](Draft& d) {
    const Value t = d.tensor("t", {3});
    d.add("BatchNormalization", {t, t, t, t});
  });
  expect_refused({"(MaxPool)", "reach over the edge"}, [](Draft& d) {
    d.add("MaxPool", {}, {{"kernel_shape", Sizes{3, 3}}, {"strides", Sizes{2, 2}}, {"ceil_mode", int64_t{1}}});
  });
  expect_refused({"(AveragePool)", "count their padding"}, [](Draft& d) {
    d.add("AveragePool", {},
          {{"kernel_shape", Sizes{2, 2}}, {"pads", Sizes{1, 1, 1, 1}}, {"count_include_pad", int64_t{1}}});
  });
  expect_refused({"(MaxPool)", "windows of 0 move by 1"}, [](Draft& d) { d.add("MaxPool"); });
  expect_refused({"(ReduceMean)", "height and width"}, [](Draft& d) { d.add("ReduceMean", {}, {{"axes", Sizes{1}}}); });
  expect_refused({"(Gemm)", "gets images (4, 4, 1)"}, [](Draft& d) { d.add("Gemm", {d.tensor("g", {16, 2})}); });
  expect_refused({"(Gemm)", "takes 9 numbers, and gets 16"}, [](Draft& d) {
    d.add("Flatten").add("Gemm", {d.tensor("g", {9, 2})});
  });
  expect_refused({"(Gemm)", "alpha and beta"}, [](Draft& d) {
    d.add("Flatten").add("Gemm", {d.tensor("g", {16, 2})}, {{"alpha", 0.5F}});
  });
  expect_refused({"(Reshape)", "other shapes are not known"}, [](Draft& d) {
    d.add("Reshape", {d.graph.list({0, 2, -1})});
  });
  expect_refused({"(Flatten)", "becomes a row"}, [](Draft& d) { d.add("Flatten", {}, {{"axis", int64_t{2}}}); });
  expect_refused({"(Transpose)", "other orders"}, [](Draft& d) {
    d.add("Transpose", {}, {{"perm", Sizes{0, 2, 1, 3}}});
  });
  expect_refused({"(Add)", "before the first layer alone"},
                 [](Draft& d) { d.add("Relu").add("Add", {d.tensor("a", {1})}); });
  expect_refused({"(Sub)", "one a channel"}, [](Draft& d) { d.add("Sub", {d.tensor("a", {1, 1, 4, 4})}); });
  expect_refused({"does not meet again"}, [&](Draft& d) {  // a value that is used before and behind a sum
    const Value x = d.at, relu = d.graph.add("", "Relu", {x}), tanh = d.graph.add("", "Tanh", {x});
    d.at = d.graph.add("", "Add", {relu, tanh});
    d.at = d.graph.add("", "Add", {d.at, relu});
    flat(d);
  });
  expect_refused({"(Mul)", "joined by Add, or by Concat"}, [&](Draft& d) {
    const Value x = d.at;
    d.add("Sigmoid");
    d.at = d.graph.add("", "Mul", {d.at, x});
    flat(d);
  });
  for (const Shape& filter : {Shape{1, 1, 3, 3}, Shape{2, 1, 1, 1}})
    expect_refused({"(Add)", filter[2] == 3 ? "no images of one layout and size" : "two branches of one shape"},
                   [&](Draft& d) {
                     const Value x = d.at;
                     d.add("Conv", {d.tensor("w", filter)});
                     d.at = d.graph.add("", "Add", {d.at, x});
                     flat(d);
                   });
  expect_refused({"(Concat)", "along the channels"}, [&](Draft& d) {
    const Value x = d.at;
    d.add("Relu");
    d.at = d.graph.add("", "Concat", {d.at, x}, {{"axis", int64_t{2}}});
    flat(d);
  });
  expect_refused({"more than 32 times within each other"}, [&](Draft& d) {
    std::vector<Value> starts;
    for (int i = 0; i < 40; ++i) {
      starts.push_back(d.at);
      d.add("Relu");
    }
    for (int i = 40; i-- > 0;) d.at = d.graph.add("", "Add", {d.at, starts[static_cast<size_t>(i)]});
    flat(d);
  });
  expect_refused({"--classes", "3 names are given, draft.onnx tells 2 classes apart"}, flat, ErrorKind::usage,
                 {.classes = {"a", "b", "c"}});
  expect_refused({"--mean", "3 numbers are given for 1 channels"}, flat, ErrorKind::usage, {.mean = {1, 2, 3}});
  expect_refused({"--std", "above 0, got 0"}, flat, ErrorKind::usage, {.std = {0}});
}

TEST(OnnxImport, RefusesOtherInputs) {
  const auto read = [](Type type, const std::vector<Axis>& axes, const ImportOptions& options = {}) {
    Graph graph;
    const Value x = graph.input("x", type, axes);
    graph.output("y", Type::f32, {1, 2}, graph.add("", "Relu", {x}));
    return classifier_of(graph.bytes("g", "1"), "g.onnx", options);
  };
  expect_error(ErrorKind::data, {"takes x  int64 (batch, 5), expected pictures"}, [&] {
    (void)read(Type::i64, {"batch", 5});
  });
  expect_error(ErrorKind::data, {"takes x  float32 (batch, 7, 4, 4)"}, [&] {
    (void)read(Type::f32, {"batch", 7, 4, 4});
  });
  expect_error(ErrorKind::usage, {"--size", "leaves the size of its pictures open"}, [&] {
    (void)read(Type::f32, {"batch", 3, "height", "width"});
  });
  expect_error(ErrorKind::usage, {"--mean", "normalises them itself"}, [&] {
    (void)read(Type::u8, {"batch", 4, 4, 1}, {.mean = {0.5}});
  });
  Graph two;
  const Value a = two.input("a", Type::f32, {1, 1, 4, 4}), b = two.input("b", Type::f32, {1, 1, 4, 4});
  two.output("y", Type::f32, {1, 2}, two.add("", "Add", {a, b}));
  expect_error(ErrorKind::data, {"has 2 inputs"}, [&] { (void)classifier_of(two.bytes("g", "1"), "g.onnx", {}); });
}

TEST(OnnxImport, DamagedFilesAreRefusedAndNeverCrash) {
  const data::Dataset set = bands(3, 1);
  const std::string bytes =
      deploy::onnx::graph_of(
          model_of(nn::Sequential::read(Config::parse(
                       "[conv: 2, batch_norm, residual: {body: [relu]}, flatten, linear: classes]", "net")),
                   set))
          .bytes("model", "1");
  expect_error(ErrorKind::data, {"x.onnx", "holds no graph"}, [&] { (void)classifier_of("", "x.onnx", {}); });
  expect_error(ErrorKind::data, {"x.onnx", "no message of Protocol Buffers"},
               [&] { (void)classifier_of("not a graph", "x.onnx", {}); });
  size_t refused = 0;
  const auto try_out = [&](const std::string& damaged) {
    try {
      (void)classifier_of(damaged, "x.onnx", {});
    } catch (const Error& e) {
      EXPECT_NE(e.kind(), ErrorKind::internal) << e.what();
      ++refused;
    }
  };
  for (size_t n = 0; n < bytes.size(); n += 7) try_out(bytes.substr(0, n));
  EXPECT_GE(refused, bytes.size() / 7) << "a file that ends early is never read";
  Rng rng(5, "damage");
  for (int i = 0; i < 1500; ++i) {
    std::string damaged = bytes;
    for (int64_t k = rng.below(3); k >= 0; --k)
      damaged[static_cast<size_t>(rng.below(std::ssize(damaged)))] = static_cast<char>(rng.below(256));
    try_out(damaged);
  }
}

TEST(OnnxImport, TheProgramImports) {
  const Folder folder;
  const Classifier model =
      model_of(nn::Sequential::read(Config::parse("[conv: 2, relu, flatten, linear: classes]", "net")), bands(3, 1));
  folder.write("net.onnx", deploy::onnx::graph_of(model).bytes("model", "1"));
  const Said said = tandem(folder, {"import", "--size", "8,8", "--classes", "x,y,z", "net.onnx", "net.safetensors"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_NE(said.err.find("net.safetensors: 4 layers, pictures of 8 x 8 x 1, 3 classes"), std::string::npos)
      << said.err;
  EXPECT_EQ(Classifier::load(folder / "net.safetensors").classes, (std::vector<std::string>{"x", "y", "z"}));
  // It is a model like any other; only its data must be named.
  const Said unsaid = tandem(folder, {"evaluate", "net.safetensors"});
  EXPECT_EQ(unsaid.code, 3);
  EXPECT_NE(unsaid.err.find("holds no recipe, and so no data"), std::string::npos) << unsaid.err;
  for (const char* name : {"x", "y", "z"})
    folder.write(fmt::format("data/{}/1.png", name), data::encode_png(Tensor::full({8, 8, 1}, 90, DType::u8)));
  const Said measured = tandem(folder, {"evaluate", "net.safetensors", "--on", "data"});
  EXPECT_EQ(measured.code, 0) << measured.err;
  EXPECT_EQ(tandem(folder, {"import", "missing.onnx", "o"}).code, 3);
  EXPECT_EQ(tandem(folder, {"import", "net.onnx", "o", "--classes", "x"}).code, 2);
}

}  // namespace
}  // namespace tandem::testing
