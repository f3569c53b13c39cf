#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/models.h>
#include <tandem/nn/norm.h>

namespace tandem::nn {
namespace {

Conv2d plain_conv(int64_t filters, int64_t kernel, int64_t stride) {  // batch norm brings the bias
  Conv2d conv{filters, kernel, kernel / 2, stride};
  conv.with_bias = false;
  conv.init = "he";
  return conv;
}

}  // namespace

Sequential lenet() {
  return Sequential{Conv2d{6, 5, 2}, ReLU{},      MaxPool2d{2}, Conv2d{16, 5}, ReLU{}, MaxPool2d{2},
                    Flatten{},       Linear{120}, ReLU{},       Linear{84},    ReLU{}, Linear{}};
}

Sequential resnet(int64_t depth) {
  if (depth < 8 || (depth - 2) % 6 != 0) fail("resnet", "depth {} is not 6n + 2, such as 20, 32 or 56", depth);
  Sequential net{plain_conv(16, 3, 1), BatchNorm{}, ReLU{}};
  for (int64_t stage = 0; stage < 3; ++stage)
    for (int64_t block = 0; block < (depth - 2) / 6; ++block) {
      const int64_t width = int64_t{16} << stage;
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      Residual unit;
      unit.body = Sequential{plain_conv(width, 3, stride), BatchNorm{}, ReLU{}, plain_conv(width, 3, 1), BatchNorm{}};
      if (stride != 1) unit.shortcut = Sequential{plain_conv(width, 1, stride), BatchNorm{}};
      net.add(std::make_unique<Residual>(unit));
      net.add(std::make_unique<ReLU>());
    }
  net.add(std::make_unique<GlobalAvgPool>());
  net.add(std::make_unique<Linear>());
  return net;
}

Sequential table_mlp(int64_t width, int64_t blocks) {
  Sequential net{Linear{width}};
  for (int64_t block = 0; block < blocks; ++block) {
    Residual unit;
    unit.body = Sequential{LayerNorm{}, Linear{2 * width}, ReLU{}, Dropout{0.3}, Linear{width}};
    net.add(std::make_unique<Residual>(unit));
  }
  net.add(std::make_unique<LayerNorm>());
  net.add(std::make_unique<ReLU>());
  net.add(std::make_unique<Dropout>(0.3));
  net.add(std::make_unique<Linear>());
  return net;
}

}  // namespace tandem::nn
