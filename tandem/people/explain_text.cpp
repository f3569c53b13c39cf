#include <tandem/autograd/tape.h>
#include <tandem/data/text/places.h>
#include <tandem/nn/attention.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/transformer.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/shape.h>
#include <tandem/people/explain_text.h>
#include <tandem/people/unit.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

namespace tandem::people {
namespace {

using Part = TextExplanation::Part;

/// A text as the network reads it: parts without overlap, and tokens made of them.
struct Reading {
  std::vector<Part> parts = {};
  std::vector<data::Places::Token> tokens = {};  // first and count are of parts

  [[nodiscard]] std::vector<int32_t> ids() const {
    std::vector<int32_t> out;
    for (const auto& token : tokens) out.push_back(token.id);
    return out;
  }
};

Reading read(const tasks::Classifier& model, const std::string& text) {
  const auto* input = std::get_if<tasks::TextInput>(&model.input);
  if (!input) fail("explain", "this network does {}: it takes no texts", tasks::task_of(model.input));
  data::check_utf8(text, "the text");
  const data::Places places = data::places_of(input->tokenizer, text, input->length);
  if (places.tokens.empty())
    fail(ErrorKind::data, "the text", "is empty: there is no word in it that could say anything");
  Reading out;
  std::vector<size_t> part_of;
  bool open = false;  // a piece that stands for no character waits for the next one
  for (const auto& [begin, end] : places.pieces) {
    const bool joins = open || (!out.parts.empty() && begin < out.parts.back().end);
    if (!joins) out.parts.push_back({.begin = begin, .end = end});
    if (open) out.parts.back().begin = begin;
    out.parts.back().end = std::max(end, out.parts.back().end);
    open = out.parts.back().begin == out.parts.back().end;
    part_of.push_back(out.parts.size() - 1);
  }
  if (open && out.parts.size() > 1) {
    out.parts.pop_back();
    std::ranges::replace(part_of, out.parts.size(), out.parts.size() - 1);
  }
  for (Part& part : out.parts) part.text = text.substr(part.begin, part.end - part.begin);
  for (const auto& token : places.tokens) {
    const size_t first = part_of[token.first], last = part_of[token.first + token.count - 1];
    out.tokens.push_back({token.id, first, last - first + 1});
  }
  return out;
}

Tensor sums_of_rows(const Tensor& values) {
  Tensor out = Tensor::zeros({values.size(0)});
  const auto from = values.data<const float>();
  const auto width = static_cast<size_t>(values.size(1));
  for (size_t i = 0; i < out.data<float>().size(); ++i)
    out.data<float>()[i] =
        static_cast<float>(std::accumulate(from.begin() + static_cast<std::ptrdiff_t>(i * width),
                                           from.begin() + static_cast<std::ptrdiff_t>((i + 1) * width), 0.0));
  return out;
}

/// Values of tokens to the parts they are made of.
void spread(const Tensor& values, Reading& onto) {
  for (size_t t = 0; t < onto.tokens.size(); ++t)
    for (size_t p = 0; p < onto.tokens[t].count; ++p)
      onto.parts[onto.tokens[t].first + p].adds +=
          values.at(static_cast<int64_t>(t)) / static_cast<double>(onto.tokens[t].count);
}

/// The vectors (tokens, width) that the first layer makes of ids.
Tensor vectors_of(const nn::Sequential& net, const std::vector<int32_t>& ids) {
  const auto tokens = std::ssize(ids);
  nn::Pass pass;
  pass.lengths = {tokens};
  const Tensor x = net.forward_part(0, 1, Tensor::from(ids, {tokens}), pass);
  if (net.layers().size() < 2 || x.rank() != 2 || x.size(0) != tokens || pass.lengths != std::vector{tokens})
    fail("explain", "the first layer ({}) does not give a vector for each token: begin the network with an embedding",
         net.layers().front()->kind());
  return x;
}

/// What follows the first layer: (n, tokens, width) -> (n).
Score score_from_vectors(std::shared_ptr<nn::Sequential> net, int32_t target) {
  return [net = std::move(net), target](const Tensor& x) {
    nn::Pass pass;
    pass.lengths.assign(static_cast<size_t>(x.size(0)), x.size(1));
    const Tensor packed = reshape(x, {x.size(0) * x.size(1), x.size(2)});
    return unit_of(net->forward_part(1, net->layers().size(), packed, pass), target);
  };
}

double value_of(const Score& score, const Tensor& x) {
  const NoGrad off;
  return score(x.view(x.shape().inserted(0, 1))).item();
}

/// The outputs of the network when it reads some of the words.
SetFunction worth_of(std::shared_ptr<nn::Sequential> net, const Reading& reading, int32_t target, double of_none) {
  return [net = std::move(net), tokens = reading.tokens, target, of_none](std::span<const uint8_t> coalitions,
                                                                          int64_t players) {
    const NoGrad off;
    constexpr size_t most = 16'384;  // tokens that are read at once
    const auto n = static_cast<size_t>(players);
    std::vector<double> out(coalitions.size() / n, of_none);
    std::vector<size_t> asked;
    std::vector<int32_t> ids;
    nn::Pass pass;
    const auto ask = [&] {
      if (asked.empty()) return;
      const Tensor x = Tensor::from(ids, {std::ssize(ids)});
      const Tensor got = unit_of(net->forward(x, pass), target);
      for (size_t i = 0; i < asked.size(); ++i) out[asked[i]] = got.at(static_cast<int64_t>(i));
      asked.clear(), ids.clear(), pass = {};
    };
    for (size_t s = 0; s < out.size(); ++s) {
      const auto in = coalitions.subspan(s * n, n);
      const size_t before = ids.size();
      for (const auto& token : tokens)
        if (std::ranges::all_of(in.subspan(token.first, token.count), [](uint8_t there) { return there != 0; }))
          ids.push_back(token.id);
      if (ids.size() == before) continue;
      asked.push_back(s);
      pass.lengths.push_back(static_cast<int64_t>(ids.size() - before));
      if (ids.size() >= most) ask();
    }
    ask();
    return out;
  };
}

std::vector<double> left_out(const SetFunction& worth, int64_t players, double output) {
  constexpr int64_t at_once = 64;
  std::vector<double> out;
  for (int64_t first = 0; first < players; first += at_once) {
    const int64_t here = std::min(at_once, players - first);
    std::vector<uint8_t> coalitions(static_cast<size_t>(here * players), 1);
    for (int64_t i = 0; i < here; ++i) coalitions[static_cast<size_t>(i * players + first + i)] = 0;
    for (const double without : worth(coalitions, players)) out.push_back(output - without);
  }
  return out;
}

std::vector<double> shapley(const SetFunction& worth, int64_t players, const TextOptions& o) {
  constexpr int64_t exact_up_to = 8;
  return players <= exact_up_to ? shapley_exact(worth, players)
                                : shapley_sampled(worth, players, o.samples, o.seed).values;
}

/// What each attention layer looks at, in the order of the network.
struct Looked {
  Tensor weights;         // (tokens, tokens)
  bool residual = false;  // the vectors themselves are added to what was looked at
};

void watch(nn::Module& layer, bool residual, std::vector<Looked>& into) {
  const auto at = [&into](nn::Attention& attention, bool added) {
    attention.watch = [&into, added](const Tensor& weights) { into.push_back({weights, added}); };
  };
  if (auto* attention = dynamic_cast<nn::Attention*>(&layer)) at(*attention, residual);
  if (auto* transformer = dynamic_cast<nn::Transformer*>(&layer))
    for (auto& block : transformer->blocks) at(block.self_attention, true);
  if (auto* around = dynamic_cast<nn::Residual*>(&layer))
    for (const auto& inner : around->body.layers()) watch(*inner, true, into);
  if (auto* list = dynamic_cast<nn::Sequential*>(&layer))
    for (const auto& inner : list->layers()) watch(*inner, residual, into);
}

/// How much of each token is in what the text becomes: shares are handed from a layer to the one before it.
Tensor rollout(nn::Sequential net, const std::vector<int32_t>& ids) {
  const NoGrad off;
  const auto tokens = std::ssize(ids);
  std::vector<Looked> looked;
  watch(net, false, looked);
  nn::Pass pass;
  pass.lengths = {tokens};
  (void)net.forward(Tensor::from(ids, {tokens}), pass);
  if (looked.empty()) fail("attention", "this network has no attention layer to look at: choose another method");
  std::string pooling;
  for (const auto& layer : net.layers())
    if (const auto* pool = dynamic_cast<const nn::PoolSequence*>(layer.get())) pooling = pool->how;
  Tensor share =
      Tensor::full({1, tokens}, pooling == "first" || pooling == "last" ? 0 : 1 / static_cast<double>(tokens));
  if (pooling == "first") share.data<float>().front() = 1;
  if (pooling == "last") share.data<float>().back() = 1;
  for (size_t i = looked.size(); i-- > 0;) {
    if (looked[i].weights.size(0) != tokens)
      fail("attention", "looks at {} vectors where the text has {} tokens: choose another method",
           looked[i].weights.size(0), tokens);
    const Tensor before = matmul(share, looked[i].weights);
    share = looked[i].residual ? (share + before) / 2 : before;
  }
  return reshape(share, {tokens});
}

}  // namespace

const std::vector<std::string>& text_methods() {
  static const std::vector<std::string> names{
      "gradient_input", "integrated_gradients", "smooth_grad", "occlusion", "shapley", "attention"};
  return names;
}

SetFunction worth_of_words(const tasks::Classifier& model, const std::string& text, int32_t target) {
  check_asked(model, text_methods().front(), text_methods(), target);
  const Reading reading = read(model, text);
  const auto net = off_the_tape(model.net);
  const Tensor x = vectors_of(*net, reading.ids());
  return worth_of(net, reading, target, value_of(score_from_vectors(net, target), Tensor::zeros(x.shape())));
}

Faithfulness faithfulness(const SetFunction& worth, std::span<const int64_t> ranking, int64_t steps) {
  const auto players = std::ssize(ranking);
  if (players < 1 || steps < 1) fail("faithfulness", "{} players in {} steps: give at least one", players, steps);
  const auto curve = [&](uint8_t start) {
    std::vector<uint8_t> coalitions(static_cast<size_t>((steps + 1) * players), start);
    for (int64_t i = 0; i <= steps; ++i)
      for (const int64_t p : ranking.first(static_cast<size_t>(players * i / steps)))
        coalitions[static_cast<size_t>(i * players + p)] = 1 - start;
    return worth(coalitions, players);
  };
  const auto mean_of = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  Faithfulness out{.deletion = curve(1), .insertion = curve(0)};
  out.deletion_area = mean_of(out.deletion);
  out.insertion_area = mean_of(out.insertion);
  return out;
}

std::vector<int64_t> ranking_of(const TextExplanation& explanation) {
  std::vector<float> values;
  for (const Part& part : explanation.parts) values.push_back(static_cast<float>(part.adds));
  return ranking_of(Tensor::from(values, {std::ssize(values)}));
}

TextExplanation explain_text(const tasks::Classifier& model, const std::string& text, const TextOptions& o) {
  check_asked(model, o.method, text_methods(), o.target);
  Reading reading = read(model, text);
  const std::vector<int32_t> ids = reading.ids();
  const auto net = off_the_tape(model.net);
  const Tensor x = vectors_of(*net, ids), none = Tensor::zeros(x.shape());

  TextExplanation out{.method = o.method, .target = static_cast<int32_t>(o.target)};
  if (o.target < 0) {
    const NoGrad off;
    nn::Pass pass;
    pass.lengths = {std::ssize(ids)};
    const Tensor outputs = net->forward(Tensor::from(ids, {std::ssize(ids)}), pass);
    out.target = model.answer(model.calibrated(model.probabilities(outputs)).data<const float>());
  }
  const Score score = score_from_vectors(net, out.target);
  out.output = value_of(score, x);
  out.baseline_output = value_of(score, none);

  const auto players = std::ssize(reading.parts);
  const auto give = [&](const std::vector<double>& values) {
    for (size_t p = 0; p < values.size(); ++p) reading.parts[p].adds = values[p];
  };
  if (o.method == "gradient_input") {
    spread(sums_of_rows(gradient_input(score, x, none)), reading);
  } else if (o.method == "integrated_gradients") {
    spread(sums_of_rows(integrated_gradients(score, x, none).values), reading);
  } else if (o.method == "smooth_grad") {
    const auto [least, largest] = std::ranges::minmax(x.data<const float>());
    const double noise = 0.15 * static_cast<double>(largest - least);  // a share of the range, as for pictures
    spread(sums_of_rows(smooth_grad(score, x, none, noise, o.samples, o.seed)), reading);
  } else if (o.method == "occlusion") {
    give(left_out(worth_of(net, reading, out.target, out.baseline_output), players, out.output));
  } else if (o.method == "shapley") {
    give(shapley(worth_of(net, reading, out.target, out.baseline_output), players, o));
  } else {
    spread(rollout(*net, ids), reading);
  }
  out.parts = std::move(reading.parts);
  out.gap = std::numeric_limits<double>::quiet_NaN();
  if (o.method == "integrated_gradients" || o.method == "shapley") {
    double total = 0;
    for (const Part& part : out.parts) total += part.adds;
    out.gap = gap_of(total, out.output - out.baseline_output);
  }
  return out;
}

}  // namespace tandem::people
