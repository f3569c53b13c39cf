// Weights travel between this library and PyTorch. tests/tensor/make_fixtures.py made the file.
#include <tandem/autograd/tape.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/sequential.h>
#include <tandem/nn/weights.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

nn::Sequential network() {
  nn::Sequential net{nn::Conv2d{4, 3, 1}, nn::BatchNorm{}, nn::ReLU{}, nn::MaxPool2d{2}, nn::Flatten{}, nn::Linear{5}};
  nn::Build build{Rng(1, "net"), 0};
  EXPECT_EQ(net.build({6, 8, 2}, build), (Shape{5}));
  return net;
}

std::vector<std::pair<std::string, Tensor>> part(const TensorFile& file, const std::string& prefix) {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor);
  return out;
}

void expect_near(const Tensor& got, const Tensor& expected, double tolerance) {
  ASSERT_EQ(got.shape(), expected.shape());
  for (int64_t i = 0; i < got.numel(); ++i) EXPECT_NEAR(got.at(i), expected.at(i), tolerance) << i;
}

// The names and layouts are PyTorch's, except the columns of the linear layer behind a flatten: PyTorch flattens to
// (channels, height, width), this library to (height, width, channels). The script has permuted them.
TEST(Weights, FromPyTorchGiveTheSameOutput) {
  const TensorFile file = read_safetensors(fs::path(TANDEM_SOURCE_DIR) / "tests/tensor/fixtures/network.safetensors");
  nn::Sequential net = network();
  nn::assign(net, part(file, "net."), "fixture");
  nn::Pass pass;
  expect_near(net.forward(file.find("input"), pass), file.find("output"), 1e-5);
}

// In training the statistics are the batch's, and the running ones move by momentum with the unbiased variance.
TEST(Weights, FromPyTorchGiveTheSameTrainingOutput) {
  const TensorFile file = read_safetensors(fs::path(TANDEM_SOURCE_DIR) / "tests/tensor/fixtures/network.safetensors");
  nn::Sequential net = network();
  nn::assign(net, part(file, "net."), "fixture");
  nn::Pass pass{true, Rng(1, "pass")};
  expect_near(net.forward(file.find("input"), pass), file.find("output.training"), 1e-5);
}

TEST(Weights, AssignRefusesAndThenChangesNothing) {
  nn::Sequential net = network();
  const auto own = nn::named(net);
  const auto before = format_safetensors({own, {}});
  auto given = own;
  for (auto& [name, tensor] : given) tensor = Tensor::full(tensor.shape(), 3);
  const auto refused = [&](const std::vector<std::string>& parts, const std::function<void(decltype(given)&)>& change) {
    auto bad = given;
    change(bad);
    expect_error(ErrorKind::data, parts, [&] { nn::assign(net, bad, "file"); });
    EXPECT_TRUE(format_safetensors({nn::named(net), {}}) == before);
  };
  refused({"file", "'5.bias'", "missing"}, [](auto& g) { g.pop_back(); });
  refused({"'5.bias'", "(6)", "(5)"}, [](auto& g) { g.back().second = Tensor::zeros({6}); });
  refused({"'6.weight'", "no layer"}, [](auto& g) { g.emplace_back("6.weight", Tensor::zeros({1})); });
  nn::assign(net, given, "file");
  EXPECT_EQ(nn::named(net)[0].second.at(0), 3);
  for (auto& [name, tensor] : given) tensor = Tensor::full(tensor.shape(), 4, DType::f64);
  nn::assign(net, given, "file");
  EXPECT_EQ(nn::named(net)[0].second.at(0), 4) << "other types are converted";
}

TEST(Weights, CountAndTrained) {
  nn::Sequential net = network();
  const int64_t trained = 4 * 2 * 9 + 4 + 4 + 4 + 48 * 5 + 5;
  EXPECT_EQ(nn::count(net).trained, trained);
  EXPECT_EQ(nn::count(net).all, trained + 8) << "running statistics";
  const auto tensors = nn::trained(net);
  EXPECT_EQ(tensors.size(), 6U);
  for (const Tensor& t : tensors) EXPECT_TRUE(requires_grad(t));
  std::vector<std::string> names;
  for (const auto& [name, t] : nn::named(net)) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                             "1.running_var", "5.weight", "5.bias"}));
}

}  // namespace
}  // namespace tandem::testing
