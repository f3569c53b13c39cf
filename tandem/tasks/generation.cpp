#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/inference.h>
#include <tandem/ops/cast.h>
#include <tandem/tasks/generation.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::tasks {
namespace {

/// How many bytes at the end of `text` begin a character that is not whole yet.
size_t unfinished(const std::string& text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return whole > back ? back : 0;
  }
  return 0;
}

/// How many bytes at the end of `text` may be the beginning of a stop word.
size_t maybe_stop(const std::string& text, const std::vector<std::string>& stop) {
  size_t most = 0;
  for (const std::string& word : stop)
    for (size_t n = std::min(word.size() - 1, text.size()); n > most; --n)
      if (text.ends_with(std::string_view(word).substr(0, n))) most = n;
  return most;
}

void check(const GenerationOptions& o) {
  const auto among = [](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high))
      fail("generate", "{} {} is not possible: give {} to {}", name, value, low, high);
  };
  among("tokens", static_cast<double>(o.tokens), 0, 1e9);
  among("temperature", o.temperature, 0, 100);
  among("top_k", static_cast<double>(o.top_k), 0, 1e9);
  among("top_p", o.top_p, 1e-6, 1);
  among("repetition_penalty", o.repetition_penalty, 0.01, 100);
  if (std::ranges::any_of(o.stop, &std::string::empty)) fail("generate", "a stop word is empty: leave it out");
}

}  // namespace

void GenerationOptions::fields(Fields& f) {
  f("tokens", tokens, {0, 1e9});
  f("temperature", temperature, {0, 100});
  f("top_k", top_k, {0, 1e9});
  f("top_p", top_p, {1e-6, 1});
  f("repetition_penalty", repetition_penalty, {0.01, 100});
  f("stop", stop);
  f("seed", seed);
}

int32_t choose_token(std::span<const float> scores, std::span<const int32_t> text, std::span<const int32_t> forbidden,
                     const GenerationOptions& options, Rng& rng) {
  std::vector<float> s(scores.begin(), scores.end());
  if (options.repetition_penalty != 1) {
    std::vector<int32_t> said(text.begin(), text.end());
    std::ranges::sort(said);
    said.erase(std::unique(said.begin(), said.end()), said.end());
    const auto penalty = static_cast<float>(options.repetition_penalty);
    for (const int32_t id : said) {
      float& score = s.at(static_cast<size_t>(id));
      score = score > 0 ? score / penalty : score * penalty;
    }
  }
  for (const int32_t id : forbidden) s.at(static_cast<size_t>(id)) = -std::numeric_limits<float>::infinity();
  const auto best = std::ranges::max_element(s, [](float a, float b) { return std::isnan(a) || a < b; });
  if (best == s.end() || !std::isfinite(*best))
    fail(ErrorKind::numeric, "generate", "the network gives no finite score: its weights are damaged");
  if (options.temperature == 0) return static_cast<int32_t>(best - s.begin());

  std::vector<int32_t> order(s.size());
  std::iota(order.begin(), order.end(), 0);
  const auto likelier = [&](int32_t a, int32_t b) {  // one order for equal scores, whatever the sort
    const float x = s[static_cast<size_t>(a)], y = s[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  const auto k = options.top_k > 0 ? std::min<std::ptrdiff_t>(options.top_k, std::ssize(order)) : std::ssize(order);
  if (options.top_p < 1)
    std::ranges::partial_sort(order, order.begin() + k, likelier);
  else if (k < std::ssize(order))
    std::ranges::nth_element(order, order.begin() + k, likelier);
  order.resize(static_cast<size_t>(k));

  std::vector<double> weight(order.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i)
    total += weight[i] =
        std::exp((static_cast<double>(s[static_cast<size_t>(order[i])]) - *best) / options.temperature);
  if (options.top_p < 1) {  // the likeliest stand first
    double share = 0;
    size_t kept = 0;
    while (kept < weight.size() && share < options.top_p * total) share += weight[kept++];
    weight.resize(std::max<size_t>(kept, 1));
    total = share;
  }
  double left = rng.uniform() * total;
  size_t chosen = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    if (weight[i] == 0) continue;
    chosen = i;
    if ((left -= weight[i]) < 0) break;
  }
  return order[chosen];
}

NextToken::NextToken(const LanguageModel& model, const nn::Sequential& ready, bool cache)
    : model_(model), ready_(ready), cache_(cache) {}

Tensor NextToken::scores(std::span<const int32_t> text) {
  const FlushDenormals flush;
  const NoGrad off;
  const auto context = static_cast<size_t>(model_.reading.context);
  if (!model_.reading.carry)
    while (text.size() - first_ > context) {  // the same window with a cache and without
      first_ += std::max<size_t>(1, context / 2);
      memory_ = {}, seen_ = first_;
    }
  nn::Pass pass;
  if (cache_) pass.memory = &memory_;
  if (!cache_) seen_ = first_;
  const std::span<const int32_t> fresh = text.subspan(seen_);
  if (fresh.empty()) fail(ErrorKind::internal, "generate", "no token was added to the text");
  pass.lengths = {std::ssize(fresh)};
  seen_ = text.size();
  const Tensor all =
      widened(ready_.forward_part(0, ready_.layers().size(), Tensor::from(fresh, {std::ssize(fresh)}), pass));
  return all.rows(all.size(0) - 1, all.size(0)).view({all.size(1)});
}

Generation::Writer::Writer(const data::Tokenizer& tokenizer, std::span<const int32_t> prompt) : tokenizer_(tokenizer) {
  const auto last = std::ranges::find(prompt.rbegin(), prompt.rend(), tokenizer.line_end());
  line_.assign(last.base(), prompt.end());
  (void)more(false);
}

std::string Generation::Writer::more(bool whole) {
  const std::string all = tokenizer_.decode(line_, !whole);
  const std::string out = all.size() > before_ ? all.substr(before_) : "";
  before_ = all.size();
  return out;
}

std::string Generation::Writer::finish() { return more(true); }

std::string Generation::Writer::add(int32_t token) {
  if (token == tokenizer_.line_end()) {
    const std::string rest = finish();
    line_.clear();
    before_ = 0;
    return rest + "\n";
  }
  line_.push_back(token);
  return more(false);
}

namespace {

std::vector<int32_t> tokens_of(const LanguageModel& model, const std::string& prompt) {
  std::vector<int32_t> out = encode_lines(model.tokenizer, prompt);
  const int32_t text_end = model.tokenizer.special().text_end;
  if (out.empty()) out.push_back(text_end >= 0 ? text_end : model.tokenizer.line_end());
  return out;
}

}  // namespace

Generation::Generation(const LanguageModel& model, const nn::Sequential& ready, const std::string& prompt,
                       GenerationOptions options)
    : options_(std::move(options)),
      text_(tokens_of(model, prompt)),
      rng_(options_.seed, "generate"),
      next_(model, ready, options_.cache),
      writer_(model.tokenizer, text_) {
  check(options_);
  out_.prompt_tokens = std::ssize(text_);
  const data::SpecialTokens& special = model.tokenizer.special();
  out_.unknown = std::ranges::count(text_, special.unknown);
  text_end_ = special.text_end;
  for (const int32_t id : {special.unknown, special.start, special.end})
    if (id >= 0 && id != model.tokenizer.line_end()) forbidden_.push_back(id);
  ended_ = options_.tokens == 0;
}

bool Generation::step() {
  if (ended_) return false;
  const Tensor scores = next_.scores(text_);
  const int32_t token = choose_token(scores.data<const float>(), text_, forbidden_, options_, rng_);
  text_.push_back(token);
  const size_t before = out_.text.size();
  out_.stopped = token == text_end_;  // -1: no token
  if (!out_.stopped) out_.text += writer_.add(token);
  if (out_.stopped || out_.tokens + 1 == options_.tokens) out_.text += writer_.finish();
  for (const std::string& word : options_.stop) {
    const size_t from = before > word.size() ? before - word.size() : 0;
    if (const size_t at = out_.text.find(word, from); at != std::string::npos) {
      out_.text.resize(at);
      out_.stopped = true;
    }
  }
  if (!out_.stopped) ++out_.tokens;
  ended_ = out_.stopped || out_.tokens == options_.tokens;
  return !ended_;
}

std::string Generation::fresh() {
  const size_t held = ended_ ? 0 : std::max(unfinished(out_.text), maybe_stop(out_.text, options_.stop));
  const size_t until = std::max(told_, out_.text.size() - held);
  const std::string out = out_.text.substr(told_, until - told_);
  told_ = until;
  return out;
}

Generated generate(const LanguageModel& model, const std::string& prompt, const GenerationOptions& options,
                   const std::function<bool(const std::string&)>& show) {
  const nn::Sequential ready = nn::for_inference(model.net);
  Generation writing(model, ready, prompt, options);
  for (bool more = true; more;) {
    more = writing.step();
    const std::string piece = show ? writing.fresh() : "";
    if (!piece.empty() && !show(piece)) break;
  }
  return writing.so_far();
}

}  // namespace tandem::tasks
