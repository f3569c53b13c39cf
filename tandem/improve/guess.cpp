#include <tandem/base/text.h>
#include <tandem/data/catalog.h>
#include <tandem/improve/guess.h>
#include <tandem/improve/recipe_line.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::improve {
namespace {

constexpr int64_t mixed_side = 64;    // what pictures of several sizes are brought to
constexpr int64_t largest_side = 96;  // larger ones are made smaller: time grows with the square

data::Splits load(const std::string& source, const fs::path& data_folder, DataFacts& facts) {
  data::LoadOptions options;
  options.data_folder = data_folder;
  try {
    return data::load(source, options);
  } catch (const Error& e) {
    // Pictures of several sizes are refused unless a size is given.
    if (e.kind() != ErrorKind::data || std::string_view(e.what()).find("set data.size") == std::string_view::npos)
      throw;
    options.image.height = options.image.width = mixed_side;
    facts.resized = true;
    return data::load(source, options);
  }
}

}  // namespace

DataFacts look_at(const std::string& source, const fs::path& data_folder) {
  DataFacts out;
  out.source = source;
  const data::Splits splits = load(source, data_folder, out);
  const data::Dataset& set = splits.train.size() > 0 ? splits.train : splits.test;
  out.examples = set.size();
  out.classes = std::ssize(set.classes);
  const Tensor& pixels = set.pixels();
  out.height = pixels.size(1), out.width = pixels.size(2), out.channels = pixels.size(3);
  if (std::max(out.height, out.width) > largest_side) {
    const double scale = static_cast<double>(largest_side) / static_cast<double>(std::max(out.height, out.width));
    out.height = std::max<int64_t>(8, std::llround(static_cast<double>(out.height) * scale));
    out.width = std::max<int64_t>(8, std::llround(static_cast<double>(out.width) * scale));
    out.resized = true;
  }
  out.has_validation = splits.validation.size() > 0, out.has_test = splits.test.size() > 0;
  std::vector<int64_t> count(set.classes.size());
  for (const int32_t label : set.labels) ++count[static_cast<size_t>(label)];
  out.least =
      static_cast<double>(*std::ranges::min_element(count)) / static_cast<double>(std::max<int64_t>(1, out.examples));
  return out;
}

std::string guessed_recipe(const DataFacts& d, const std::string& name) {
  const bool small = d.examples < 2000, grey = d.channels == 1;
  const int64_t side = std::min(d.height, d.width);
  // About as many pictures seen in all as MNIST's in six epochs, and never more than a hundred times each.
  const int64_t epochs = std::clamp<int64_t>(360'000 / std::max<int64_t>(1, d.examples), 6, 100);
  const int64_t batch = small ? 32 : 128;
  const bool uneven = d.classes > 1 && d.least * static_cast<double>(d.classes) < 0.33;

  std::string out = fmt::format(
      "# Made by `tandem init {0}`: {1} pictures of {2} classes, {3}x{4}, {5}.\n#   tandem train {6}.yaml\n", d.source,
      grouped(d.examples), d.classes, d.height, d.width, grey ? "grey" : "in colour", name);
  out += line("name: " + name, "names the run's folder");
  out += line("seed: 1", "another seed, another training");
  out += line("data:");
  out += line("  source: " + scalar(d.source));
  if (d.resized)
    out += line(fmt::format("  size: [{}, {}]", d.height, d.width),
                "what all pictures are brought to: larger shows more, and takes longer");
  if (!d.has_validation)
    out += line(fmt::format("  validation: {}", small ? 0.2 : 0.1),
                "this share of the training part says which epoch is kept");
  if (!d.has_test) out += line("  test_share: 0.15", "this share is measured once, at the end");
  out += line("  augment:", "every epoch sees every picture a little moved");
  const double shift = std::max(1.0, std::round(static_cast<double>(side) / 14));
  out += line(fmt::format("    shift: {}", shift), "pixels");
  out += line("    rotate: 10", "degrees; leave it out where the angle means something");
  out += line("    scale: 0.1");
  if (!grey) out += line("    flip: true", "left and right; leave it out where they mean something");
  out += line("network:");
  std::vector<int64_t> filters = grey ? std::vector<int64_t>{32, 64} : std::vector<int64_t>{32, 64, 128};
  if (side >= 48 && filters.size() < 3) filters.push_back(128);
  if (side >= 48) filters.push_back(128);
  int64_t left = side;
  for (const int64_t f : filters) {
    if (left < 4) break;  // nothing left to halve
    out += line(fmt::format("  - conv: {{filters: {}, kernel: 3, padding: same}}", f));
    out += line("  - max_pool: 2", left == side ? "halves height and width" : "");
    out += line("  - batch_norm");
    out += line("  - relu");
    left /= 2;
  }
  if (grey && side < 48) {
    out += line("  - flatten");
    out += line("  - dropout: 0.3", "against learning by heart");
    out += line("  - linear: 128");
    out += line("  - relu");
  } else {
    out += line("  - conv: {filters: 128, kernel: 3, padding: same}");
    out += line("  - batch_norm");
    out += line("  - relu");
    out += line("  - global_avg_pool", "where in the picture it is does not matter");
    out += line("  - dropout: 0.2", "against learning by heart");
  }
  out += line("  - linear: classes");
  if (uneven)
    out += line("loss: {balanced: true}",
                fmt::format("the rarest class has {:.1f} % of the pictures: its errors weigh more", 100 * d.least));
  out += line("optimizer: {type: adamw, lr: 2e-3, weight_decay: 0.01}");
  out += line("schedule: {type: cosine, warmup: 0.5}", "the rate rises for half an epoch, then falls to 0");
  out += line(fmt::format("train: {{epochs: {}, batch: {}, average: {}}}", epochs, batch, small ? 0.99 : 0.998),
              "average: a running mean of the weights is what is kept");
  // What `tandem tune` may change, should this not be good enough.
  out += line("search:", fmt::format("what `tandem tune {}.yaml` may change", name));
  out += line("  space:");
  out += line("    optimizer.lr: {low: 3e-4, high: 1e-2, log: true}");
  out += line("    optimizer.weight_decay: {low: 1e-3, high: 0.3, log: true}");
  out += line(fmt::format("    data.augment.shift: {{low: 0, high: {}}}", 2 * shift));
  out += line("    data.augment.rotate: {low: 0, high: 20}");
  return out;
}

}  // namespace tandem::improve
