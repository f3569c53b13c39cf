#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/memory.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/reduce.h>
#include <tandem/tasks/language_model.h>
#include <tandem/tasks/model_file.h>

#include <algorithm>

namespace tandem::tasks {
namespace {

constexpr const char* task_name = "language_model";
const std::string tokenizer_prefix = "tokenizer.";

}  // namespace

void ReadingOptions::fields(Fields& f) {
  f("context", context, {1, 1 << 20});
  f("carry", carry);
}

void LanguageModel::build(const Rng& rng, int64_t most) {
  nn::Build build{rng, vocabulary(), most};
  build.vocabulary = vocabulary();
  const Shape out = net.build({}, build);
  if (out != Shape{vocabulary()})
    fail("network", "its output has shape {}, expected ({}), a score for each token of the vocabulary: end it with {}",
         out, vocabulary(), "tied_head, or with linear: classes");
}

void LanguageModel::save(const fs::path& path) {
  TensorFile file;
  file.tensors = nn::named(net);
  for (auto& [name, tensor] : tokenizer.tensors()) file.tensors.emplace_back(tokenizer_prefix + name, tensor);
  for (const auto& [key, value] : notes) file.metadata["tandem." + key] = value;
  file.metadata["tandem.format"] = format_version;
  file.metadata["tandem.task"] = task_name;
  file.metadata["tandem.network"] = net.write().str();
  data::TokenizerOptions options = tokenizer.options();
  file.metadata["tandem.tokenizer"] = Fields::write(options).str();
  file.metadata["tandem.reading"] = Fields::write(reading).str();
  write_model_file(path, std::move(file));
}

LanguageModel LanguageModel::load(const fs::path& path) {
  TensorFile file = read_model_file(path);
  const auto text = [&](const char* key) { return model_text(file, path, key); };
  check_format(file, path);
  if (text("task") != task_name)
    fail(ErrorKind::data, path.string(), "holds a model for '{}', expected {}", text("task"), task_name);
  LanguageModel model;
  try {
    model.net = nn::Sequential::read(Config::parse(text("network"), path.string() + " (network)"));
    Fields::read(Config::parse(text("reading"), path.string() + " (reading)"), model.reading, "reading");
    data::TokenizerOptions options;
    Fields::read(Config::parse(text("tokenizer"), path.string() + " (tokenizer)"), options, "tokenizer");
    model.tokenizer = data::Tokenizer::restore(
        options, [&](const std::string& name) { return file.find(tokenizer_prefix + name); }, path.string());
    int64_t numbers = 1 << 20;  // some more than the file holds, so that a missing tensor is named as such
    for (const auto& [name, tensor] : file.tensors) numbers += tensor.numel();
    model.build(Rng(0, "load"), numbers);
  } catch (const Error& e) {
    fail(ErrorKind::data, path.string(), "the model in this file is damaged: {}", e.what());
  }
  std::erase_if(file.tensors, [](const auto& t) { return t.first.starts_with(tokenizer_prefix); });
  nn::assign(model.net, file.tensors, path.string());
  for (const auto& [key, value] : file.metadata)
    if (key.starts_with("tandem.")) model.notes[key.substr(7)] = value;
  for (const char* own : {"format", "task", "network", "tokenizer", "reading"}) model.notes.erase(own);
  return model;
}

std::vector<int32_t> encode_lines(const data::Tokenizer& tokenizer, const std::string& text) {
  if (tokenizer.options().type == "byte_bpe") return tokenizer.encode(text);  // line ends are bytes like others
  std::vector<int32_t> out;
  for (size_t first = 0; first <= text.size();) {
    const size_t end = std::min(text.find('\n', first), text.size());
    const std::vector<int32_t> ids = tokenizer.encode(text.substr(first, end - first));
    out.insert(out.end(), ids.begin(), ids.end());
    if (end < text.size()) out.push_back(tokenizer.line_end());
    first = end + 1;
  }
  return out;
}

TextMeasure measure(const LanguageModel& model, const data::TokenStream& text) {
  const FlushDenormals flush;
  const NoGrad off;
  const nn::Sequential ready = nn::for_inference(model.net);
  const int64_t context = model.reading.context, last = text.size() - 1;
  if (last < 1) fail(ErrorKind::data, "text", "has one token: there is none to be predicted");
  TextMeasure out;
  double sum = 0, correct = 0;
  nn::Memory memory;
  // Rows of a batch are pieces [begin, begin + length) of the text, each predicting the token behind.
  const auto read = [&](const std::vector<std::pair<int64_t, int64_t>>& pieces, nn::Memory* going_on) {
    std::vector<int32_t> ids, next, piece;
    nn::Pass pass;
    for (const auto& [begin, length] : pieces) {
      piece.resize(static_cast<size_t>(length + 1));
      text.read(begin, piece);
      ids.insert(ids.end(), piece.begin(), piece.end() - 1);
      next.insert(next.end(), piece.begin() + 1, piece.end());
      pass.lengths.push_back(length);
    }
    pass.memory = going_on;
    const auto n = static_cast<int64_t>(ids.size());
    const Tensor scores = widened(ready.forward_part(0, ready.layers().size(), Tensor::from(ids, {n}), pass));
    sum += cross_entropy(scores, Tensor::from(next, {n})).item() * static_cast<double>(n);
    const Tensor likeliest = arg_max(scores, -1);
    for (size_t i = 0; i < next.size(); ++i) correct += likeliest.data<const int64_t>()[i] == next[i] ? 1 : 0;
    out.tokens += n;
  };
  // Some thousand rows a batch keep the processor busy and the scores of a large vocabulary in memory.
  const int64_t rows = std::clamp<int64_t>((int64_t{1} << 24) / model.vocabulary(), 256, 4096);
  if (model.reading.carry) {
    const int64_t streams = std::min<int64_t>(16, std::max<int64_t>(1, last / context));
    const int64_t length = last / streams, step = std::max<int64_t>(1, std::min(context, rows / streams));
    for (int64_t at = 0; at < length; at += step) {
      std::vector<std::pair<int64_t, int64_t>> pieces;
      for (int64_t s = 0; s < streams; ++s) pieces.emplace_back(s * length + at, std::min(step, length - at));
      read(pieces, &memory);
    }
    const std::vector<int64_t> end{streams - 1};
    memory.keep(end);  // the few tokens that no stream has follow the last one
    if (streams * length < last) read({{streams * length, last - streams * length}}, &memory);
  } else {
    const int64_t count = std::max<int64_t>(1, rows / context);
    for (int64_t at = 0; at < last; at += count * context) {
      std::vector<std::pair<int64_t, int64_t>> pieces;
      for (int64_t begin = at; begin < std::min(last, at + count * context); begin += context)
        pieces.emplace_back(begin, std::min(context, last - begin));
      read(pieces, nullptr);
    }
  }
  out.loss = sum / static_cast<double>(out.tokens);
  out.accuracy = correct / static_cast<double>(out.tokens);
  return out;
}

}  // namespace tandem::tasks
