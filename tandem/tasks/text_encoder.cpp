#include <tandem/autograd/tape.h>
#include <tandem/base/checksum.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/nearest.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/parts.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/cast.h>
#include <tandem/tasks/text_encoder.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {
namespace {

bool pools(nn::Sequential& net) {
  bool found = false;
  nn::each_part(net, [&](const std::string&, nn::Module& layer) { found |= layer.kind() == "pool_sequence"; });
  return found;
}

/// The layers before `head`, made one vector a text, with what that is.
void take(TextEncoder& out, const nn::Sequential& net, size_t head) {
  if (head == 0)
    fail("embed", "layer 0 ({}) is the only one with numbers: there is no vector before the answer",
         net.empty() ? "none" : net.layers()[0]->kind());
  for (size_t i = 0; i < head; ++i) out.net.add(net.layers()[i]->clone());
  const std::string last = fmt::format("what goes into layer {} ({})", head, net.layers()[head]->kind());
  const bool pooled = pools(out.net);
  if (!pooled) out.net.add(std::make_unique<nn::PoolSequence>("mean"));
  out.vector = pooled ? last : "the mean over the text of " + last;
  out.width = net.shapes().at(head - 1).numel();
}

}  // namespace

TextEncoder TextEncoder::of(const Classifier& model) {
  const auto* text = std::get_if<TextInput>(&model.input);
  if (!text) fail("embed", "this network does {}: vectors are made of texts", task_of(model.input));
  TextEncoder out;
  take(out, model.net, model.net.head());
  out.input = *text;
  out.notes = model.notes;
  return out;
}

TextEncoder TextEncoder::of(const LanguageModel& model) {
  TextEncoder out;
  const auto& layers = model.net.layers();
  // A head that shares the embedding's weight may have no numbers of its own.
  take(out, model.net, layers.back()->kind() == "tied_head" ? layers.size() - 1 : model.net.head());
  out.input.tokenizer = model.tokenizer;
  out.input.options = model.tokenizer.options();
  if (!model.reading.carry) out.input.length.most = model.reading.context;
  out.notes = model.notes;
  return out;
}

Tensor TextEncoder::vectors(const data::Texts& texts) const {
  const std::vector<std::vector<int32_t>> tokens = encode(input, texts);
  const nn::Sequential ready = nn::for_inference(net);
  Tensor out = Tensor::empty({std::ssize(texts), width});
  parallel_for(std::ssize(texts), 4, [&](int64_t begin, int64_t end) {
    const NoGrad off;
    nn::Sequential own = ready;  // shares the weights; a layer may change for the time of a pass, as LoRA does
    for (int64_t i = begin; i < end; ++i) {
      const std::vector<int32_t>& text = tokens[static_cast<size_t>(i)];
      nn::Pass pass;
      pass.lengths = {std::ssize(text)};
      const Tensor y = widened(own.forward(Tensor::from(text, {std::ssize(text)}), pass));
      const auto values = y.data<const float>();
      if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
        fail(ErrorKind::numeric, fmt::format("text {}", i + 1),
             "its vector has numbers that are not finite: the weights of the network are damaged");
      std::ranges::copy(values, out.rows(i, i + 1).data<float>().begin());
    }
  });
  evaluate::normalise_rows(out);
  return out;
}

std::string TextEncoder::fingerprint() const {
  nn::Sequential copy = net;
  TensorFile file{nn::named(copy), {}};
  for (auto& named : input.tensors()) file.tensors.push_back(std::move(named));
  return md5(format_safetensors(file));
}

}  // namespace tandem::tasks
