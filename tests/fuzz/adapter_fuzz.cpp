// Adapters: their configuration, the network in it, or their tensors are what libFuzzer says.
#include <tandem/adapt/peft.h>

#include <nlohmann/json.hpp>

#include "tests/fuzz/models.h"

using namespace tandem;

namespace {

struct Known {
  std::string folder = fuzz::own_path("adapter");
  adapt::Base base;
  nlohmann::json config;
  std::string tensors;

  Known() {
    base.where = "base";
    base.task = "image_classification";
    const Shape in{4};
    base.net = nn::Sequential::read(Config::parse("[linear: 3, relu, linear: 2]", "base"));
    nn::Sequential built = base.net;
    nn::Build build{Rng(1, "base"), 2, 1000};
    (void)built.build(in, build);
    built.visit("", [&](const std::string& name, Tensor& t, bool) { base.tensors.emplace_back(name, t); });
    adapt::Options options;
    options.lora.emplace().rank = 2;
    nn::Sequential net = adapt::adapted(base, options);
    nn::Build again{Rng(2, "adapter"), 2, 1000};
    (void)net.build(in, again);
    adapt::save_adapter(folder, base, options, net);
    config = nlohmann::json::parse(read_text(folder + "/adapter_config.json"));
    tensors = read_text(folder + "/adapter_model.safetensors");
  }
  ~Known() { fs::remove_all(folder); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Known known;
  fuzz::Bytes bytes(data, size);
  const uint8_t what = fuzz::choice(bytes) % 3;
  std::string config = known.config.dump();
  if (what == 0) config = fuzz::text_of(bytes);
  if (what == 1) {
    nlohmann::json other = known.config;
    other["tandem"]["network"] = std::string(fuzz::text_of(bytes));
    config = other.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  fuzz::put(known.folder + "/adapter_config.json", config);
  fuzz::put(known.folder + "/adapter_model.safetensors", what == 2 ? fuzz::text_of(bytes) : known.tensors);
  return fuzz::attempt([&] {
    const adapt::Adapter adapter = adapt::Adapter::load(known.folder, known.base);
    nn::Sequential net = adapter.net;
    nn::Build build{Rng(3, "put on"), 2, 10'000};
    (void)net.build(Shape{4}, build);
    adapter.put_on(known.base, net);
  });
}
