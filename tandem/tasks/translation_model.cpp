#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/parts.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/reduce.h>
#include <tandem/tasks/model_file.h>
#include <tandem/tasks/translation_model.h>

#include <algorithm>

namespace tandem::tasks {
namespace {

constexpr const char* task_name = "translation";
const std::string shared_prefix = "tokenizer.", source_prefix = "source_tokenizer.",
                  target_prefix = "target_tokenizer.";

bool is_tokenizer_tensor(const std::string& name) {
  return name.starts_with(shared_prefix) || name.starts_with(source_prefix) || name.starts_with(target_prefix);
}

/// What must be true of the layers so that a translation can be learned and then written token by token.
void check_layers(nn::EncoderDecoder& net, const data::LengthLimit& length) {
  if (length.most == 1) fail("data.text.length", "most: 1 has room for the end of a text alone: give 2 or more, or 0");
  bool looks = false;
  nn::each_part(net, [&](const std::string& at, nn::Module& layer) {
    const std::string name = at.substr(0, at.size() - 1);
    if (const auto* positions = dynamic_cast<const nn::Positions*>(&layer);
        positions && (length.most == 0 || positions->most < length.most))
      fail("network", "{} has {} positions, but texts may have {}: set data.text.length.most to {}{}", name,
           positions->most, length.most == 0 ? "any length" : fmt::format("{} tokens", length.most), positions->most,
           length.most == 0 ? "" : fmt::format(", or its most to {}", length.most));
    const auto* attention = dynamic_cast<const nn::Attention*>(&layer);
    if (!attention || !at.starts_with("decoder.")) return;
    looks = looks || attention->cross;
    if (!attention->cross && !attention->causal)
      fail("network", "{} lets a translation see its own later tokens: set causal: true", name);
  });
  if (!looks) fail("network", "decoder: none of its layers looks at the source: set cross: true in its transformer");
}

}  // namespace

void TranslationReading::fields(Fields& f) {
  f("from", from);
  f("to", to);
  f("shared", shared);
  f("length", length);
}

void TranslationModel::fit(const data::TokenizerOptions& options, const data::Pairs& train) {
  if (options.ngrams.any()) fail("data.text.tokenizer", "n-grams have no place in a translation: leave ngrams out");
  if (reading.shared) {
    std::vector<std::string> both = train.source;
    both.insert(both.end(), train.target.begin(), train.target.end());
    source = target = data::Tokenizer::fit(options, both);
  } else {
    source = data::Tokenizer::fit(options, train.source);
    target = data::Tokenizer::fit(options, train.target);
  }
}

void TranslationModel::build(const Rng& rng, int64_t most) {
  nn::Build build{rng, target.tokens(), most};
  for (size_t i = 0; i < net.decoder.layers().size(); ++i)
    if (!reading.shared && net.decoder.layers()[i]->kind() == "tied_embedding")
      fail(
          "network",
          "decoder.{}: tied_embedding shares the encoder's vectors, but each language has a vocabulary of its own: set "
          "translation.shared: true, or give the decoder an embedding",
          i);
  const Shape out = net.build(source.tokens(), target.tokens(), build);
  if (out != Shape{target.tokens()})
    fail("network",
         "decoder: its output has shape {}, expected ({}), a score for each token of the vocabulary: end it with "
         "tied_head, or with linear: classes",
         out, target.tokens());
  check_layers(net, reading.length);
}

void TranslationModel::save(const fs::path& path) {
  TensorFile file;
  file.tensors = nn::named(net);
  const auto add = [&](const std::string& prefix, const data::Tokenizer& tokenizer) {
    for (auto& [name, tensor] : tokenizer.tensors()) file.tensors.emplace_back(prefix + name, tensor);
  };
  add(reading.shared ? shared_prefix : source_prefix, source);
  if (!reading.shared) add(target_prefix, target);
  for (const auto& [key, value] : notes) file.metadata["tandem." + key] = value;
  file.metadata["tandem.format"] = format_version;
  file.metadata["tandem.task"] = task_name;
  file.metadata["tandem.network"] = Fields::write(net).str();
  data::TokenizerOptions options = source.options();
  file.metadata["tandem.tokenizer"] = Fields::write(options).str();
  file.metadata["tandem.reading"] = Fields::write(reading).str();
  write_safetensors(path, file);
}

TranslationModel TranslationModel::load(const fs::path& path) {
  TensorFile file = read_safetensors(path);
  const auto text = [&](const char* key) { return model_text(file, path, key); };
  check_format(file, path);
  if (text("task") != task_name)
    fail(ErrorKind::data, path.string(), "holds a model for '{}', expected {}", text("task"), task_name);
  TranslationModel model;
  try {
    Fields::read(Config::parse(text("network"), path.string() + " (network)"), model.net, "network");
    Fields::read(Config::parse(text("reading"), path.string() + " (reading)"), model.reading, "reading");
    data::TokenizerOptions options;
    Fields::read(Config::parse(text("tokenizer"), path.string() + " (tokenizer)"), options, "tokenizer");
    const auto restored = [&](const std::string& prefix) {
      return data::Tokenizer::restore(
          options, [&](const std::string& name) { return file.find(prefix + name); }, path.string());
    };
    model.source = restored(model.reading.shared ? shared_prefix : source_prefix);
    model.target = model.reading.shared ? model.source : restored(target_prefix);
    int64_t numbers = 1 << 20;  // some more than the file holds, so that a missing tensor is named as such
    for (const auto& [name, tensor] : file.tensors) numbers += tensor.numel();
    model.build(Rng(0, "load"), numbers);
  } catch (const Error& e) {
    fail(ErrorKind::data, path.string(), "the model in this file is damaged: {}", e.what());
  }
  std::erase_if(file.tensors, [](const auto& t) { return is_tokenizer_tensor(t.first); });
  nn::assign(model.net, file.tensors, path.string());
  for (const auto& [key, value] : file.metadata)
    if (key.starts_with("tandem.")) model.notes[key.substr(7)] = value;
  for (const char* own : {"format", "task", "network", "tokenizer", "reading"}) model.notes.erase(own);
  return model;
}

TokenPairs encode(const TranslationModel& model, const data::Pairs& pairs) {
  const int64_t most = model.reading.length.most;
  const auto read = [](const data::Tokenizer& tokenizer, const std::string& text) {
    std::vector<int32_t> ids = tokenizer.encode(text);
    ids.push_back(tokenizer.special().end);
    return ids;
  };
  TokenPairs out;
  for (size_t i = 0; i < pairs.source.size(); ++i) {
    std::vector<int32_t> source = read(model.source, pairs.source[i]), target = read(model.target, pairs.target[i]);
    if (most > 0 && std::max(std::ssize(source), std::ssize(target)) > most) {
      ++out.left_out;  // a part of a translation would teach wrong ends
      continue;
    }
    out.source.push_back(std::move(source)), out.target.push_back(std::move(target));
  }
  return out;
}

PairBatch pack(const TranslationModel& model, const TokenPairs& pairs, std::span<const int64_t> which) {
  PairBatch out;
  std::vector<int32_t> source, target, next;
  for (const int64_t i : which) {
    const std::vector<int32_t>&s = pairs.source.at(static_cast<size_t>(i)), &t = pairs.target[static_cast<size_t>(i)];
    source.insert(source.end(), s.begin(), s.end());
    target.push_back(model.target.special().start);
    target.insert(target.end(), t.begin(), t.end() - 1);
    next.insert(next.end(), t.begin(), t.end());
    out.source_lengths.push_back(std::ssize(s)), out.target_lengths.push_back(std::ssize(t));
  }
  out.source = Tensor::from(source, {std::ssize(source)});
  out.target = Tensor::from(target, {std::ssize(target)}), out.next = Tensor::from(next, {std::ssize(next)});
  return out;
}

int64_t count_right(const Tensor& scores, const Tensor& next) {
  const Tensor likeliest = arg_max(scores.detach(), -1);
  int64_t out = 0;
  for (int64_t i = 0; i < next.numel(); ++i)
    out +=
        likeliest.data<const int64_t>()[static_cast<size_t>(i)] == next.data<const int32_t>()[static_cast<size_t>(i)];
  return out;
}

PairMeasure measure(const TranslationModel& model, const TokenPairs& pairs) {
  const FlushDenormals flush;
  const NoGrad off;
  if (pairs.size() == 0) fail(ErrorKind::data, "pairs", "there is none to be measured on");
  nn::EncoderDecoder net = model.net;  // shares the weights
  // Some thousand rows a batch keep the processor busy and the scores of a large vocabulary in memory.
  const int64_t rows = std::clamp<int64_t>((int64_t{1} << 24) / model.target.tokens(), 256, 4096);
  PairMeasure out;
  double sum = 0, correct = 0;
  for (int64_t first = 0; first < pairs.size();) {
    std::vector<int64_t> which;
    for (int64_t tokens = 0; first < pairs.size() && (which.empty() || tokens < rows); ++first) {
      which.push_back(first);
      tokens += std::ssize(pairs.target[static_cast<size_t>(first)]);
    }
    const PairBatch batch = pack(model, pairs, which);
    nn::Pass pass;
    net.encode(batch.source, batch.source_lengths, pass);
    const Tensor scores = widened(net.decode(batch.target, batch.target_lengths, pass));
    const int64_t n = batch.next.numel();
    sum += cross_entropy(scores, batch.next).item() * static_cast<double>(n);
    correct += static_cast<double>(count_right(scores, batch.next));
    out.tokens += n;
  }
  out.loss = sum / static_cast<double>(out.tokens);
  out.accuracy = correct / static_cast<double>(out.tokens);
  return out;
}

}  // namespace tandem::tasks
