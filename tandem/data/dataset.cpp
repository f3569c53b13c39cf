#include <tandem/base/random.h>
#include <tandem/base/text.h>
#include <tandem/data/dataset.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tandem::data {
namespace {

/// The examples of each class, in the set's order.
std::vector<std::vector<int64_t>> by_class(const Dataset& set) {
  std::vector<std::vector<int64_t>> examples(set.classes.size());
  for (int64_t i = 0; i < set.size(); ++i) {
    const int32_t label = set.labels[static_cast<size_t>(i)];
    if (label < 0 || static_cast<size_t>(label) >= examples.size())
      fail(ErrorKind::data, set.source, "label {} of example {} is not one of the {} classes", label, i,
           examples.size());
    examples[static_cast<size_t>(label)].push_back(i);
  }
  return examples;
}

Tensor chosen(const Tensor& pictures, std::span<const int64_t> indices) {
  if (!pictures.defined()) return {};
  Tensor out = Tensor::empty(pictures.shape().with(0, static_cast<int64_t>(indices.size())), DType::u8);
  const auto from = pictures.data<const uint8_t>();
  auto* into = out.data<uint8_t>().data();
  const auto picture = static_cast<size_t>(pictures.shape().product(1, pictures.rank()));
  if (picture == 0) return out;
  for (const int64_t i : indices) {
    std::memcpy(into, from.data() + static_cast<size_t>(i) * picture, picture);
    into += picture;
  }
  return out;
}

Texts chosen(const Texts& texts, std::span<const int64_t> indices) {
  Texts out;
  out.reserve(indices.size());
  for (const int64_t i : indices) out.push_back(texts[static_cast<size_t>(i)]);
  return out;
}

Table chosen(const Table& table, std::span<const int64_t> indices) { return subset(table, indices); }

}  // namespace

const Tensor& Dataset::pixels() const {
  if (const auto* pictures = std::get_if<Tensor>(&inputs)) return *pictures;
  fail(source.empty() ? "data" : source, "holds {}, pictures are needed here", kind_of(inputs));
}

const Texts& Dataset::texts() const {
  if (const auto* texts = std::get_if<Texts>(&inputs)) return *texts;
  fail(source.empty() ? "data" : source, "holds {}, texts are needed here", kind_of(inputs));
}

const Table& Dataset::table() const {
  if (const auto* table = std::get_if<Table>(&inputs)) return *table;
  fail(source.empty() ? "data" : source, "holds {}, rows of a table are needed here", kind_of(inputs));
}

const char* kind_of(const Inputs& inputs) {
  if (std::holds_alternative<Table>(inputs)) return "rows of a table";
  return std::holds_alternative<Tensor>(inputs) ? "pictures" : "texts";
}

Dataset subset(const Dataset& set, std::span<const int64_t> indices) {
  Dataset out{.inputs = {}, .labels = {}, .classes = set.classes, .source = set.source, .remarks = set.remarks};
  out.labels.reserve(indices.size());
  for (const int64_t i : indices) {
    if (i < 0 || i >= set.size()) fail("subset", "example {} is out of range for a set of {}", i, set.size());
    out.labels.push_back(set.labels[static_cast<size_t>(i)]);
  }
  out.inputs = std::visit([&](const auto& inputs) -> Inputs { return chosen(inputs, indices); }, set.inputs);
  return out;
}

Dataset joined(const Dataset& a, const Dataset& b) {
  Dataset out = a;
  out.labels.insert(out.labels.end(), b.labels.begin(), b.labels.end());
  if (a.has_texts()) {
    auto& texts = std::get<Texts>(out.inputs);
    texts.insert(texts.end(), b.texts().begin(), b.texts().end());
  } else if (a.has_table()) {
    out.inputs = joined(a.table(), b.table());
  } else {
    out.inputs = Tensor::empty(a.pixels().shape().with(0, a.size() + b.size()), DType::u8);
    std::memcpy(out.pixels().rows(0, a.size()).bytes(), a.pixels().bytes(), a.pixels().byte_count());
    std::memcpy(out.pixels().rows(a.size(), out.size()).bytes(), b.pixels().bytes(), b.pixels().byte_count());
  }
  return out;
}

std::pair<Dataset, Dataset> split(const Dataset& set, double fraction, uint64_t seed) {
  if (!(fraction >= 0 && fraction < 1)) fail("split", "fraction is {}: give at least 0 and less than 1", fraction);
  auto classes = by_class(set);
  std::vector<int64_t> rest;
  std::vector<int64_t> part;
  for (size_t c = 0; c < classes.size(); ++c) {
    auto& examples = classes[c];
    const auto n = static_cast<int64_t>(examples.size());
    if (n == 0)
      fail(ErrorKind::data, set.source, "class '{}' has no examples to split: drop it from the classes",
           set.classes[c]);
    int64_t share = std::llround(fraction * static_cast<double>(n));
    if (fraction > 0 && n > 1) share = std::max<int64_t>(share, 1);
    share = std::min(share, n - 1);
    const auto order = Rng(seed, "split").split(c).permutation(n);
    for (int64_t i = 0; i < n; ++i)
      (i < share ? part : rest).push_back(examples[static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  std::ranges::sort(rest);  // the set's own order: what is drawn decides who goes, not where the others stand
  std::ranges::sort(part);
  return {subset(set, rest), subset(set, part)};
}

Dataset only_classes(const Dataset& set, const std::vector<std::string>& classes) {
  if (classes.empty()) fail("classes", "the list is empty: name at least one of {}", join(set.classes));
  std::vector<int32_t> label_of(set.classes.size(), -1);
  for (size_t c = 0; c < classes.size(); ++c) {
    const auto found = std::ranges::find(set.classes, classes[c]);
    if (found == set.classes.end()) {
      const std::string nearest = nearest_name(classes[c], set.classes);
      fail("classes", "'{}' is not a class of {}{}; its classes are {}", classes[c], set.source,
           nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), join(set.classes));
    }
    auto& label = label_of[static_cast<size_t>(found - set.classes.begin())];
    if (label >= 0) fail("classes", "'{}' is named twice: name each class once", classes[c]);
    label = static_cast<int32_t>(c);
  }
  const auto examples = by_class(set);
  std::vector<int64_t> kept;
  for (size_t c = 0; c < examples.size(); ++c)
    if (label_of[c] >= 0) kept.insert(kept.end(), examples[c].begin(), examples[c].end());
  std::ranges::sort(kept);
  Dataset out = subset(set, kept);
  for (auto& label : out.labels) label = label_of[static_cast<size_t>(label)];
  out.classes = classes;
  return out;
}

}  // namespace tandem::data
