#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/base/threads.h>
#include <tandem/data/text/unicode.h>
#include <tandem/data/text/words.h>
#include <tandem/nn/inference.h>
#include <tandem/people/choose.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <unordered_map>

namespace tandem::people {
namespace {

// Each example's gradient in the last layer is the product of two vectors: a = p - (1 at the likeliest class) and the
// features h. Distances between such products need only the parts: |a h|^2 = |a|^2 |h|^2, <a h, b k> = <a, b> <h, k>.
struct Gradients {
  int64_t classes = 0, features = 0;
  std::vector<float> a, h;    // (n, classes), (n, features)
  std::vector<double> norms;  // (n): |a|^2 |h|^2
};

double dot(const float* x, const float* y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return sum;
}

Gradients gradients(const tasks::Classifier& model, const data::Dataset& pool) {
  const NoGrad off;
  const FlushDenormals flush;
  nn::Pass pass;
  nn::Sequential net = nn::for_inference(model.net);
  const size_t head = net.head();
  Gradients out;
  constexpr int64_t most = 256;
  for (int64_t first = 0; first < pool.size(); first += most) {
    std::vector<int64_t> indices(static_cast<size_t>(std::min(most, pool.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    const tasks::Batch batch = tasks::batch_of(model.input, pool, indices, {}, {});
    pass.lengths = batch.lengths;
    const Tensor features = net.forward_part(0, head, batch.x, pass);
    const Tensor p = model.probabilities(net.forward_part(head, net.layers().size(), features, pass));
    out.classes = p.size(1);
    out.features = features.numel() / features.size(0);
    out.h.insert(out.h.end(), features.data<const float>().begin(), features.data<const float>().end());
    for (int64_t i = 0; i < p.size(0); ++i) {
      const auto row =
          p.data<const float>().subspan(static_cast<size_t>(i * out.classes), static_cast<size_t>(out.classes));
      const auto at = out.a.insert(out.a.end(), row.begin(), row.end());
      at[std::ranges::max_element(row) - row.begin()] -= 1;
    }
  }
  for (int64_t i = 0; i < pool.size(); ++i) {
    const float *a = out.a.data() + i * out.classes, *h = out.h.data() + i * out.features;
    out.norms.push_back(dot(a, a, out.classes) * dot(h, h, out.features));
  }
  return out;
}

// k-means++ seeding (Arthur and Vassilvitskii 2007): the next point is drawn with a probability that grows with the
// square of its distance to the nearest one taken so far. `nearest` holds these squares (-2: not to be taken), and
// `distance(i, taken)` brings them up to date.
template <class Distance>
std::vector<int64_t> spread(std::vector<double> nearest, int64_t count, Rng rng, const Distance& distance) {
  std::vector<int64_t> out;
  const auto n = static_cast<int64_t>(nearest.size());
  while (std::ssize(out) < std::min(count, n)) {
    int64_t taken = -1;
    const double total = std::accumulate(nearest.begin(), nearest.end(), 0.0,
                                         [](double sum, double d) { return sum + std::max(d, 0.0); });
    if (total > 0) {
      double left = rng.uniform() * total;
      for (int64_t i = 0; i < n; ++i) {
        const double d = nearest[static_cast<size_t>(i)];
        if (d <= 0) continue;
        taken = i;
        if ((left -= d) < 0) break;
      }
    } else {  // all that is left equals something taken: any will do
      for (int64_t i = 0; i < n && taken < 0; ++i)
        if (nearest[static_cast<size_t>(i)] > -1) taken = i;
    }
    if (taken < 0) break;
    out.push_back(taken);
    parallel_for(n, 512, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double& d = nearest[static_cast<size_t>(i)];
        if (d > -1) d = std::min(d, std::max(0.0, distance(i, taken)));
      }
    });
    nearest[static_cast<size_t>(taken)] = -2;  // never again
  }
  return out;
}

}  // namespace

std::vector<int64_t> most_useful(const tasks::Classifier& model, const data::Dataset& pool, int64_t count,
                                 uint64_t seed) {
  if (pool.size() == 0) return {};
  const Gradients g = gradients(model, pool);
  const auto distance = [&](int64_t i, int64_t j) {
    return g.norms[static_cast<size_t>(i)] + g.norms[static_cast<size_t>(j)] -
           2 * dot(g.a.data() + i * g.classes, g.a.data() + j * g.classes, g.classes) *
               dot(g.h.data() + i * g.features, g.h.data() + j * g.features, g.features);
  };
  // The origin counts as taken: what the network is sure of teaches it nothing.
  return spread(g.norms, count, Rng(seed, "useful"), distance);
}

namespace {

using Distance = std::function<double(int64_t, int64_t)>;  // squared

Distance between_pictures(const Tensor& all) {
  return [pixels = all.data<const uint8_t>(), size = all.numel() / all.size(0)](int64_t i, int64_t j) {
    int64_t sum = 0;
    for (int64_t k = 0; k < size; ++k) {
      const int64_t d = int64_t{pixels[static_cast<size_t>(i * size + k)]} - pixels[static_cast<size_t>(j * size + k)];
      sum += d * d;
    }
    return static_cast<double>(sum);
  };
}

// One less the share of words that both have among those that either has (Jaccard).
Distance between_texts(const data::Texts& texts) {
  std::unordered_map<std::string, int32_t> known;
  std::vector<std::vector<int32_t>> words;
  for (const std::string& text : texts) {
    std::vector<int32_t>& own = words.emplace_back();
    for (std::string& word : data::split_words(data::normalised(text, {.nfkc = true, .lower = true})))
      own.push_back(known.emplace(std::move(word), static_cast<int32_t>(known.size())).first->second);
    std::ranges::sort(own);
    own.erase(std::unique(own.begin(), own.end()), own.end());
  }
  return [words = std::move(words)](int64_t i, int64_t j) {
    const auto &a = words[static_cast<size_t>(i)], &b = words[static_cast<size_t>(j)];
    size_t both = 0;
    for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();)
      if (*x == *y)
        ++both, ++x, ++y;
      else
        ++(*x < *y ? x : y);
    const size_t either = a.size() + b.size() - both;
    const double apart = either > 0 ? 1 - static_cast<double>(both) / static_cast<double>(either) : 0;
    return apart * apart;
  };
}

Distance between_rows(const data::Table& table) {
  std::vector<int64_t> all(static_cast<size_t>(table.rows()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const Tensor x = make_batch(tasks::fit_input(table, {}), table, all);
  return [x](int64_t i, int64_t j) {
    const auto a = x.rows(i, i + 1).data<const float>(), b = x.rows(j, j + 1).data<const float>();
    double sum = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      const double d = static_cast<double>(a[k]) - static_cast<double>(b[k]);
      sum += d * d;
    }
    return sum;
  };
}

Distance distance_in(const data::Dataset& pool) {
  return pool.has_texts()   ? between_texts(pool.texts())
         : pool.has_table() ? between_rows(pool.table())
                            : between_pictures(pool.pixels());
}

}  // namespace

std::vector<int64_t> most_diverse(const data::Dataset& pool, std::span<const int64_t> chosen, int64_t count,
                                  uint64_t seed) {
  if (pool.size() == 0) return {};
  const Distance distance = distance_in(pool);
  Rng rng(seed, "diverse");
  std::vector<int64_t> taken(chosen.begin(), chosen.end()), out;
  if (taken.empty() && count > 0) out.push_back(taken.emplace_back(rng.below(pool.size())));  // the first: any
  std::vector<double> nearest(static_cast<size_t>(pool.size()), std::numeric_limits<double>::max());
  for (const int64_t t : taken)
    parallel_for(pool.size(), 512, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        nearest[static_cast<size_t>(i)] = std::min(nearest[static_cast<size_t>(i)], distance(i, t));
    });
  for (const int64_t t : taken) nearest[static_cast<size_t>(t)] = -2;
  const auto more = spread(std::move(nearest), count - std::ssize(out), rng, distance);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace tandem::people
