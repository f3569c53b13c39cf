// The five steps in a dozen lines: read digits, build a network, train it, measure it, keep it.
#include <tandem/tandem.h>

#include <iostream>

int main(int argc, char** argv) {
  using namespace tandem;
  const auto digits = data::load(argc > 1 ? argv[1] : "builtin", {.train_examples = 4000, .test_examples = 1000});
  const auto net = nn::Sequential{nn::Conv2d{16, 3, nn::Conv2d::same},
                                  nn::ReLU{},
                                  nn::MaxPool2d{2},
                                  nn::Conv2d{32, 3, nn::Conv2d::same},
                                  nn::ReLU{},
                                  nn::MaxPool2d{2},
                                  nn::Flatten{},
                                  nn::Linear{64},
                                  nn::ReLU{},
                                  nn::Linear{}};
  auto run = train::fit(net, digits,
                        {.optimizer = {.type = "adam", .lr = 2e-3}, .epochs = 3, .early_stopping = {.patience = 2}});
  std::cout << evaluate::text_table(train::evaluate_model(run.model, digits.test, "test").result);
  run.model.save("digits.safetensors");
}
