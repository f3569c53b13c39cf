// Graphs that say the same in other words, and those that no network of ours is: read as what they are, or refused.
#include <functional>

#include "tests/deploy/onnx_draft.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using deploy::onnx::Attributes;
using deploy::onnx::Graph;
using deploy::onnx::Type;
using deploy::onnx::Value;
using protobuf::Message;
using tasks::Classifier;
using Sizes = std::vector<int64_t>;

/// Numbers that differ, the same for each name.
Value weights(Draft& d, const std::string& name, const Shape& shape) {
  const Tensor out = Tensor::empty(shape);
  Rng rng(6, name);
  for (float& value : out.data<float>()) value = static_cast<float>(rng.uniform(-0.5, 1));
  return d.graph.tensor(name, out);
}
void conv(Draft& d, int64_t channels, int64_t kernel = 3, const Attributes& attributes = {}) {
  d.add("Conv", {weights(d, "w", {2, channels, kernel, kernel})}, attributes);
}
/// What a picture's numbers become two classes with.
void product(Draft& d, int64_t numbers) { d.add("Gemm", {weights(d, "g", {numbers, 2})}); }
void mean_and_product(Draft& d, int64_t channels = 2) {
  d.add("GlobalAveragePool").add("Flatten");
  product(d, channels);
}

data::Dataset pictures(const Classifier& model) {
  const tasks::ImageInput& image = model.image();
  data::Dataset set{.inputs = Tensor::empty({5, image.height, image.width, image.channels}, DType::u8),
                    .labels = std::vector<int32_t>(5, 0),
                    .classes = model.classes,
                    .source = "noise"};
  Rng rng(7, "pixels");
  for (uint8_t& pixel : set.pixels().data<uint8_t>()) pixel = static_cast<uint8_t>(rng.below(256));
  return set;
}

void expect_same_answers(Classifier& a, Classifier& b) {
  const std::vector<float> of_a = a.predict(pictures(a)), of_b = b.predict(pictures(b));
  ASSERT_EQ(of_a.size(), of_b.size());
  for (size_t i = 0; i < of_a.size(); ++i) EXPECT_NEAR(of_a[i], of_b[i], 1e-6) << i;
}

using Draw = std::function<void(Draft&)>;

Classifier model_of(const Draw& draw) {
  Draft draft;
  draw(draft);
  return draft.read();
}
/// Both graphs must give the same layers and answers.
void expect_same(const Draw& draw, const Draw& as) {
  Classifier a = model_of(draw), b = model_of(as);
  EXPECT_EQ(a.net.write().str(), b.net.write().str());
  expect_same_answers(a, b);
}

/// A value that two branches begin at: a convolution's 2 channels of 4 x 4.
Value start(Draft& d) {
  conv(d, 1, 3, {{"pads", Sizes{1, 1, 1, 1}}});
  return d.at;
}
/// A node of several values that come from the picture.
void join(Draft& d, const std::string& op, const std::vector<Value>& values, const Attributes& attributes = {}) {
  d.at = d.graph.add("", op, values, attributes);
}

TEST(OnnxGraphs, NodesInOtherWords) {
  const auto pooled = [](const std::string& op, const Attributes& more) {
    return [=](Draft& d) {
      Attributes all{{"kernel_shape", Sizes{2, 2}}, {"strides", Sizes{2, 2}}};
      all.insert(all.end(), more.begin(), more.end());
      d.add(op, {}, all).add("Flatten");
      product(d, 4);
    };
  };
  expect_same(pooled("MaxPool", {{"ceil_mode", int64_t{1}}}), pooled("MaxPool", {}));  // no window reaches over
  expect_same(pooled("AveragePool", {{"auto_pad", "VALID"}, {"pads", Sizes{1, 1, 1, 1}}}), pooled("AveragePool", {}));

  const auto convolved = [](const std::vector<Value>& more) {
    return [=](Draft& d) {
      std::vector<Value> others{weights(d, "w", {2, 1, 3, 3})};
      others.insert(others.end(), more.begin(), more.end());
      d.add("Conv", others);
      mean_and_product(d);
    };
  };
  expect_same(convolved({""}), convolved({}));  // a bias that is left out, either way

  const auto mean = [](Draft& d) {
    conv(d, 1);
    mean_and_product(d);
  };
  expect_same(
      [](Draft& d) {
        conv(d, 1);
        d.add("ReduceMean", {d.graph.list({-1, 2})}).add("Squeeze", {d.graph.list({2, 3})});
        product(d, 2);
      },
      mean);
  expect_same(
      [&](Draft& d) {
        mean(d);
        d.add("LogSoftmax");
      },
      mean);

  const auto row = [](const std::string& op, bool with_size) {
    return [=](Draft& d) {
      conv(d, 1);  // (2, 2) of 2 channels, whose order the product has to follow
      d.add(op, with_size ? std::vector<Value>{d.graph.add("", "Shape", {"x"})} : std::vector<Value>{});
      product(d, 8);
    };
  };
  expect_same(row("Reshape", true), row("Flatten", false));  // a size that is calculated
  expect_same(row("Reshape", false), row("Flatten", false));

  const auto biased = [](bool bias_first) {
    return [=](Draft& d) {
      d.add("Flatten").add("MatMul", {weights(d, "m", {16, 2})});
      const Value bias = weights(d, "b", {2});
      join(d, "Add", bias_first ? std::vector<Value>{bias, d.at} : std::vector<Value>{d.at, bias});
    };
  };
  expect_same(biased(true), biased(false));
  expect_same(biased(true), [](Draft& d) {
    d.add("Flatten").add("Gemm", {weights(d, "m", {16, 2}), weights(d, "b", {2})});
  });
}

TEST(OnnxGraphs, APaddedMeanDoesNotCountItsPadding) {
  Classifier padded = model_of([](Draft& d) {
    d.add("AveragePool", {},
          {{"kernel_shape", Sizes{3, 3}}, {"pads", Sizes{1, 1, 1, 1}}, {"count_include_pad", int64_t{0}}});
    mean_and_product(d, 1);
  });
  Classifier plain = model_of([](Draft& d) { mean_and_product(d, 1); });
  data::Dataset white = pictures(plain);
  for (uint8_t& pixel : white.pixels().data<uint8_t>()) pixel = 255;
  EXPECT_NEAR(padded.predict(white)[0], plain.predict(white)[0], 1e-6);
}

TEST(OnnxGraphs, ABatchNormMayFollowARow) {
  const auto normed = [](const std::string& to_row) {
    return [=](Draft& d) {
      conv(d, 1, 4);  // one number a channel
      d.add(to_row).add("BatchNormalization", {weights(d, "scale", {2}), weights(d, "shift", {2}),
                                               weights(d, "mean", {2}), d.tensor("variance", {2})});
      product(d, 2);
    };
  };
  Classifier flat = model_of(normed("Flatten"));
  Classifier mean = model_of(normed("GlobalAveragePool"));
  EXPECT_EQ(flat.net.layers().at(2)->kind(), "batch_norm");
  expect_same_answers(flat, mean);
}

TEST(OnnxGraphs, BranchesInOtherWords) {
  const auto sum = [](const std::string& op, bool straight_first) {
    return [=](Draft& d) {
      const Value x = start(d);
      d.add("Conv", {weights(d, "v", {2, 2, 1, 1})}).add("Relu");
      join(d, op, straight_first ? std::vector<Value>{x, d.at} : std::vector<Value>{d.at, x});
      mean_and_product(d);
    };
  };
  expect_same(sum("Add", true), sum("Add", false));
  expect_same(sum("Sum", false), sum("Add", false));

  const auto channels = [](int64_t axis) {
    return [=](Draft& d) {
      const Value x = start(d);
      const Value tanh = d.graph.add("", "Tanh", {x}), relu = d.graph.add("", "Relu", {x});
      join(d, "Concat", {tanh, relu}, {{"axis", axis}});
      mean_and_product(d, 4);
    };
  };
  expect_same(channels(-3), channels(1));

  const auto rows = [](int64_t axis) {
    return [=](Draft& d) {
      const Value x = start(d);
      const auto mean = [&](const std::string& op) {
        const Value y = d.graph.add("", "GlobalAveragePool", {d.graph.add("", op, {x})});
        return d.graph.add("", "Flatten", {y});
      };
      const Value tanh = mean("Tanh"), relu = mean("Relu");
      join(d, "Concat", {tanh, relu}, {{"axis", axis}});
      product(d, 4);
    };
  };
  expect_same(rows(1), rows(-1));
  Classifier before = model_of(channels(1)), behind = model_of(rows(1));
  expect_same_answers(before, behind);

  const auto last = [](int64_t axis) {  // pictures whose channels stand last
    return [=](Draft& d) {
      d = Draft({"batch", 4, 4, 1});
      const Value tanh = d.graph.add("", "Tanh", {"x"}), relu = d.graph.add("", "Relu", {"x"});
      join(d, "Concat", {tanh, relu}, {{"axis", axis}});
      d.add("Transpose", {}, {{"perm", Sizes{0, 3, 1, 2}}});
      mean_and_product(d);
    };
  };
  expect_same(last(3), last(-1));
  expect_same(last(3), [](Draft& d) {
    const Value tanh = d.graph.add("", "Tanh", {"x"}), relu = d.graph.add("", "Relu", {"x"});
    join(d, "Concat", {tanh, relu}, {{"axis", int64_t{1}}});
    mean_and_product(d);
  });
}

TEST(OnnxGraphs, PicturesAreNormalisedByEachKindOfArithmetic) {
  const Classifier model = model_of([](Draft& d) {
    d.at = d.graph.add("", "Mul", {d.graph.number(2.0F), d.at});
    d.at = d.graph.add("", "Add", {d.graph.number(0.5F), d.at});
    d.add("Div", {d.graph.number(4.0F)}).add("Sub", {d.graph.number(1.0F)}).add("Flatten");
    product(d, 16);
  });  // (2 x + 0.5) / 4 - 1 = (x - 1.75) / 2
  EXPECT_NEAR(model.image().mean[0], 1.75, 1e-6);
  EXPECT_NEAR(model.image().std[0], 2, 1e-6);
}

TEST(OnnxGraphs, OneAnswerMayBeAProbabilityAlready) {
  for (const bool sigmoid : {true, false}) {
    const Classifier model = model_of([&](Draft& d) {
      d.add("Flatten").add("Gemm", {weights(d, "g", {16, 1})});
      if (sigmoid) d.add("Sigmoid");
    });
    EXPECT_EQ(model.loss, sigmoid ? "binary_cross_entropy" : "binary_cross_entropy_logits");
    EXPECT_EQ(model.classes.size(), 2U);
  }
}

TEST(OnnxGraphs, ClassesOfTheNotesMayBeNumbers) {
  const Classifier model = model_of([](Draft& d) {
    d.graph.note("classes", R"([7, "eight"])");
    d.add("Flatten");
    product(d, 16);
  });
  EXPECT_EQ(model.classes, (std::vector<std::string>{"7", "eight"}));
}

TEST(OnnxGraphs, RefusesPicturesThatAreNormalisedWithNoNumber) {
  const auto flat = [](Draft& d) {
    d.add("Flatten");
    product(d, 16);
  };
  expect_refused({"draft.onnx", "normalises its pictures with", "nan", "damaged"}, [&](Draft& d) {
    d.add("Mul", {d.graph.number(0.0F)});
    flat(d);
  });
  expect_refused({"--mean", "draft.onnx takes bytes and normalises them itself"},
                 [&](Draft& d) {
                   d = Draft({"batch", 1, 4, 4}, Type::u8);
                   flat(d);
                 },
                 ErrorKind::usage, {.std = {0.5}});
}

TEST(OnnxGraphs, RefusesOptionsThatNoLayerHas) {
  struct Case {
    std::string op;
    Attributes attributes;
    std::vector<std::string> parts;
  };
  const Sizes two{2, 2};
  for (const Case& c : std::vector<Case>{
           {"Conv", {{"pads", Sizes{-1, -1, -1, -1}}}, {"its pads is [-1, -1, -1, -1]", "0 to 1023"}},
           {"Conv", {{"strides", Sizes{1024, 1024}}}, {"its strides is [1024, 1024]"}},
           {"Conv", {{"strides", Sizes{1, 2}}}, {"its strides is [1, 2]", "for all sides"}},
           {"Conv", {{"strides", Sizes{0, 0}}}, {"has shape (2, 1, 2, 2) for 1 channels in 1 groups"}},
           {"Conv", {{"dilations", Sizes{0, 0}}}, {"has shape (2, 1, 2, 2)"}},
           {"Conv", {{"group", int64_t{0}}}, {"for 1 channels in 0 groups"}},
           {"Conv", {{"group", int64_t{65537}}}, {"for 1 channels in 65537 groups"}},
           {"Conv", {{"auto_pad", "SAME_UPPER"}}, {"auto_pad SAME_UPPER with stride 1 pads one side more"}},
           {"MaxPool", {{"kernel_shape", two}, {"strides", Sizes{0, 0}}}, {"its windows of 2 move by 0"}},
           {"MaxPool", {{"kernel_shape", two}, {"dilations", two}}, {"windows that are spread"}},
           {"Gemm", {{"beta", 0.5F}}, {"alpha and beta of 1"}},
           {"Gemm", {{"transA", int64_t{1}}}, {"no transA"}},
           {"Squeeze", {}, {"an image becomes a row by Flatten or Reshape"}}}) {
    SCOPED_TRACE(fmt::format("{} {}", c.op, c.parts[0]));
    std::vector<std::string> parts = c.parts;
    parts.push_back(fmt::format("({}) has no layer here", c.op));
    expect_refused(parts, [&](Draft& d) {
      if (c.op == "Gemm") d.add("Flatten");
      std::vector<Value> others;
      if (c.op == "Conv") others = {weights(d, "w", {2, 1, 2, 2})};
      if (c.op == "Gemm") others = {weights(d, "g", {16, 2})};
      d.add(c.op, others, c.attributes);
    });
  }
  expect_refused({"(MaxPool)", "reach over the edge"}, [&](Draft& d) {
    d = Draft({"batch", 1, 4, 5});  // over one edge alone
    d.add("MaxPool", {}, {{"kernel_shape", two}, {"strides", two}, {"ceil_mode", int64_t{1}}});
  });
}

TEST(OnnxGraphs, RefusesNodesThatStandWhereNoLayerCan) {
  const auto norm = [](Draft& d, int64_t channels) {
    const Value t = d.tensor("t", {channels});
    d.add("BatchNormalization", {t, t, t, t});
  };
  expect_refused({"(Conv)", "images of (batch, channels, height, width), and gets others"}, [](Draft& d) {
    d.add("Flatten");
    conv(d, 1);
  });
  expect_refused({"(Conv)", "and gets others"}, [](Draft& d) {
    d = Draft({"batch", 4, 4, 1});
    conv(d, 1);
  });
  expect_refused({"(BatchNormalization)", "between a flattened image and a linear layer"}, [&](Draft& d) {
    conv(d, 1);
    d.add("Flatten");
    norm(d, 8);
  });
  expect_refused({"(Transpose)", "images are turned"}, [](Draft& d) {
    d.add("Flatten").add("Transpose", {}, {{"perm", Sizes{0, 2, 3, 1}}});
  });
  for (const char* op : {"Softmax", "LogSoftmax"})
    for (const bool renamed : {false, true})
      expect_refused({fmt::format("({}) has no layer here", op), "known are"}, [&](Draft& d) {
        d.add("Flatten").add(op);
        if (renamed) d.add("Identity");
        product(d, 16);
      });
  expect_refused({"(Add)", "before the first layer alone"}, [](Draft& d) {  // a second bias
    d.add("Flatten").add("Gemm", {weights(d, "g", {16, 2}), weights(d, "b", {2})});
    d.add("Add", {weights(d, "c", {2})});
  });
  expect_refused({"(Mul)", "before the first layer alone"}, [](Draft& d) {  // at the beginning of a branch
    const Value x = start(d);
    d.add("Mul", {d.graph.number(2.0F)});
    join(d, "Add", {d.at, x});
    mean_and_product(d);
  });
  for (const char* op : {"Sub", "Div"})  // 1 - x is no normalisation
    expect_refused({fmt::format("({})", op), "before the first layer alone"}, [&](Draft& d) {
      d.at = d.graph.add("", op, {d.graph.number(1.0F), d.at});
      mean_and_product(d, 1);
    });
}

TEST(OnnxGraphs, RefusesTensorsThatAreNotWhatANodeTakes) {
  // A tensor of a type that no layer reads.
  const auto odd = [](Draft& d) {
    d.more += Message().part(5, Message().number(1, 1).number(2, 9).text(8, "odd").text(9, "1")).bytes();
    return "odd";
  };
  expect_refused({"(Conv)", "its input 1 is no tensor of the file"}, [](Draft& d) { d.add("Conv"); });
  expect_refused({"(Conv)", "its input 1 is no tensor of the file"}, [&](Draft& d) { d.add("Conv", {odd(d)}); });
  expect_refused({"(Conv)", "its input 1 has shape (0, 1, 3, 3)"}, [](Draft& d) {
    d.add("Conv", {d.tensor("w", {0, 1, 3, 3})});
  });
  expect_refused({"(Add)", "it calculates with no tensor"}, [&](Draft& d) { d.add("Add", {odd(d)}); });
  expect_refused({"(ReduceMean)", "height and width"}, [&](Draft& d) { d.add("ReduceMean", {odd(d)}); });
  expect_refused({"(ReduceMean)", "height and width"}, [](Draft& d) { d.add("ReduceMean", {"nowhere"}); });
  expect_refused({"(ReduceMean)", "height and width"},
                 [](Draft& d) { d.add("ReduceMean", {weights(d, "axes", {2})}); });
}

TEST(OnnxGraphs, RefusesBranchesThatNoLayerJoins) {
  expect_refused({"(Add)", "no images of one layout and size"}, [](Draft& d) {
    d.add("Transpose", {}, {{"perm", Sizes{0, 2, 3, 1}}});
    join(d, "Add", {d.at, "x"});
  });
  expect_refused({"(Concat)", "no images of one layout and size"}, [](Draft& d) {  // rows, channel by channel
    const Value x = start(d);
    const Value a = d.graph.add("", "Flatten", {x}), b = d.graph.add("", "Flatten", {d.graph.add("", "Relu", {x})});
    join(d, "Concat", {a, b}, {{"axis", int64_t{1}}});
    product(d, 64);
  });
  for (const int64_t axis : {1, 2})  // of height, and of width
    expect_refused({"(Concat)", "along the channels"}, [&](Draft& d) {
      d = Draft({"batch", 4, 4, 1});
      d.add("Relu");
      join(d, "Concat", {d.at, "x"}, {{"axis", axis}});
    });
  expect_refused({"(Concat)", "along the channels"}, [](Draft& d) {  // of one example behind the other
    const Value a = d.graph.add("", "GlobalAveragePool", {"x"});
    const Value b = d.graph.add("", "GlobalAveragePool", {d.graph.add("", "Relu", {"x"})});
    join(d, "Concat", {a, b}, {{"axis", int64_t{0}}});
  });
  expect_refused({"(Sum)", "the sum of two branches"}, [](Draft& d) {
    const Value x = start(d);
    join(d, "Sum", {x, d.graph.add("", "Relu", {x}), d.graph.add("", "Tanh", {x})});
  });
  expect_refused({"(Add)", "the sum of two branches"}, [](Draft& d) {  // twice the same
    d.add("Dropout");
    join(d, "Add", {d.at, "x"});
  });
  expect_refused({"(Add)", "joins branches that did not part"}, [](Draft& d) { join(d, "Add", {d.at, d.at}); });
  expect_refused({"does not meet again"}, [](Draft& d) {  // a branch from a node's second value
    const auto dropped = d.graph.add_several(2, "", "Dropout", {"x"});
    join(d, "Add", {d.graph.add("", "Relu", {"x"}), d.graph.add("", "Cast", {dropped[1]})});
  });
}

TEST(OnnxGraphs, RowsThatAreStillImagesOfOnePixelJoinByTheirSecondAxis) {
  const auto pooled = [](int64_t axis) {
    return [=](Draft& d) {
      const Value x = start(d);
      const Value a = d.graph.add("", "GlobalAveragePool", {d.graph.add("", "Tanh", {x})}),
                  b = d.graph.add("", "GlobalAveragePool", {d.graph.add("", "Relu", {x})});
      join(d, "Concat", {a, b}, {{"axis", axis}});
      d.add("Flatten");
      product(d, 4);
    };
  };
  expect_same(pooled(1), pooled(-3));
  expect_refused({"(Concat)", "along the channels"}, pooled(-1));
  expect_refused({"(Concat)", "no images of one layout and size"}, [](Draft& d) {
    const Value mean = d.graph.add("", "GlobalAveragePool", {"x"});
    join(d, "Concat", {mean, d.graph.add("", "Flatten", {mean})}, {{"axis", int64_t{1}}});
  });
}

// Each of these is no network of ours, and near one that is.
TEST(OnnxGraphs, RefusesWhatWouldBeReadAsAnotherNetwork) {
  for (const char* op : {"Sum", "Concat"})
    expect_refused({fmt::format("({})", op), "with a tensor of the file"}, [&](Draft& d) {
      const Value x = start(d), relu = d.graph.add("", "Relu", {x});
      join(d, op, {relu, x, weights(d, "t", {1, 2, 4, 4})});
      mean_and_product(d);
    });
  expect_refused({"draft.onnx", "an image of (3, 3, 2) as a row, expected a linear layer"}, [](Draft& d) {
    conv(d, 1, 2);
    d.add("Flatten");
  });
  expect_refused({"another output of a node than its first"}, [](Draft& d) {
    d.add("Flatten");
    product(d, 16);
    d.node("Dropout", {d.at}, {"dropped", "mask"});
    d.at = "mask";
  });
  const Draw odd_size = [](Draft& d) {
    d.more += Message().part(5, Message().number(1, 1).number(2, 9).text(8, "odd").text(9, "1")).bytes();
    d.add("Reshape", {"odd"});
    product(d, 16);
  };
  expect_refused({"(Reshape)", "it becomes (batch, 16)"}, odd_size);
  for (const auto& size : {Sizes{-1, 2}, Sizes{0, 1, 16}, Sizes{-1}})
    for (const bool row : {false, true})
      expect_refused({"(Reshape)", "it becomes (batch, 16)"}, [&](Draft& d) {
        if (row) d.add("Flatten");
        d.add("Reshape", {d.graph.list(size)});
      });
  for (const auto& size : {Sizes{-1, 16}, Sizes{0, -1}})
    expect_same(
        [&](Draft& d) {
          d.add("Reshape", {d.graph.list(size)});
          product(d, 16);
        },
        [](Draft& d) {
          d.add("Flatten");
          product(d, 16);
        });
  expect_refused({"(Conv)", "auto_pad SOMEHOW is not known"}, [](Draft& d) {
    conv(d, 1, 3, {{"auto_pad", "SOMEHOW"}});
  });
  expect_refused({"(Cast)", "whole numbers"}, [](Draft& d) { d.add("Cast", {}, {{"to", int64_t{7}}}); });
  const auto answered = [](int64_t classes, const Attributes& attributes) {
    return [=](Draft& d) {
      d.add("Flatten").add("Gemm", {weights(d, "g", {16, classes})}).add("Softmax", {}, attributes);
    };
  };
  (void)model_of(answered(2, {{"axis", int64_t{1}}}));
  expect_refused({"(Softmax)", "over the classes"}, answered(2, {{"axis", int64_t{0}}}));
  expect_refused({"(Softmax)", "two or more"}, answered(1, {}));
  expect_refused({"(Softmax)", "over the classes"}, [](Draft& d) {  // of (batch, 2, 1, 1), over its one column
    conv(d, 1);
    d.add("GlobalAveragePool").add("Softmax", {}, {{"axis", int64_t{-1}}});
  });
  expect_refused({"(Softmax)", "over the classes"}, [](Draft& d) { d.add("Softmax"); });

  // A tensor of as many numbers as there are channels lies along the last axis, which is the width.
  const auto scaled = [](const Shape& shape) {
    return [=](Draft& d) {
      d = Draft({"batch", 3, 4, 3});
      d.add("Mul", {weights(d, "t", shape)});
      mean_and_product(d, 3);
    };
  };
  (void)model_of(scaled({3, 1, 1}));
  (void)model_of(scaled({1, 3, 1, 1}));
  expect_refused({"(Mul)", "a tensor (3)", "one a channel, is known"}, scaled({3}));
  expect_refused({"(Mul)", "a tensor (1, 1, 3)"}, scaled({1, 1, 3}));
}

TEST(OnnxGraphs, RefusesAFileWithoutAnAnswer) {
  Graph graph;
  (void)graph.add("", "Relu", {graph.input("x", Type::f32, {"batch", 1, 4, 4})});
  expect_error(ErrorKind::data, {"g.onnx", "has no output"},
               [&] { (void)deploy::onnx::classifier_of(graph.bytes("g", "1"), "g.onnx", {}); });
}

// ONNX asks that each value is made once; a file that does not keep to it must not lead round in circles.
TEST(OnnxGraphs, RefusesValuesThatAreMadeTwice) {
  expect_refused({"goes round in a circle"}, [](Draft& d) { d.node("Relu", {"x"}, {"x"}); });
  expect_refused({"(Tanh)", "goes round in a circle"}, [](Draft& d) {
    d.node("Relu", {"x"}, {"a"}).node("Tanh", {"a"}, {"b"}).node("Sigmoid", {"b"}, {"a", "c"});
    d.at = "c";
  });
  const auto forked = [](Draft& d, const std::vector<Value>& joined) {  // both branches make "a"
    d.node("Relu", {"x"}, {"a"}).node("Tanh", {"x"}, {"a", "u"}).node("Add", joined, {"j"});
    d.node("Add", {"j", "u"}, {"end"});
    d.at = "end";
  };
  expect_refused({"(Add)", "joins what did not part from one value"}, [&](Draft& d) { forked(d, {"a", "nowhere"}); });
  expect_refused({"(Add)", "the sum of two branches"}, [&](Draft& d) { forked(d, {"a", "a"}); });
  expect_refused({"(Add)", "goes round in a circle"}, [](Draft& d) {  // two sums make what the first of them takes
    for (const char* value : {"a", "b", "c", "d"}) d.node("Relu", {"x"}, {value});
    d.node("Add", {"a", "b"}, {"a", "j"}).node("Add", {"c", "d"}, {"b", "k"}).node("Add", {"j", "k"}, {"end"});
    d.at = "end";
  });
}

}  // namespace
}  // namespace tandem::testing
