#include <tandem/data/arrays.h>
#include <tandem/data/formats/idx.h>
#include <tandem/data/formats/npy.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tandem::data {
namespace {

/// The file of one part, e.g. train-images-idx3-ubyte.gz, by all the names it goes by.
std::optional<fs::path> find_idx(const fs::path& folder, std::string_view prefix, std::string_view what, char rank) {
  std::error_code error;
  for (const char joint : {'-', '.'})
    for (const std::string_view ending : {".gz", ""}) {
      const fs::path path = folder / fmt::format("{}-{}{}idx{}-ubyte{}", prefix, what, joint, rank, ending);
      if (fs::is_regular_file(path, error)) return path;
    }
  return std::nullopt;
}

struct Pair {
  fs::path images, labels;
};

std::optional<Pair> find_pair(const fs::path& folder, std::initializer_list<std::string_view> prefixes) {
  for (const auto prefix : prefixes) {
    auto images = find_idx(folder, prefix, "images", '3');
    if (!images) images = find_idx(folder, prefix, "images", '4');  // colour
    const auto labels = find_idx(folder, prefix, "labels", '1');
    if (images && labels) return Pair{*images, *labels};
    if (images || labels)
      fail(ErrorKind::file, folder.string(), "has {} and not the {} that belong to it: put both there",
           (images ? *images : *labels).filename().string(), images ? "labels" : "images");
  }
  return std::nullopt;
}

constexpr std::string_view idx_names = "train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz]";

/// The other parts name their classes as train does.
void share_classes(Splits& splits) {
  for (const Dataset* part : {&splits.validation, &splits.test})
    if (part->classes.size() > splits.train.classes.size())
      fail(ErrorKind::data, part->source, "has labels up to {}, train only up to {}", part->classes.size() - 1,
           splits.train.classes.size() - 1);
  splits.validation.classes = splits.test.classes = splits.train.classes;
}

}  // namespace

Dataset labelled(const Tensor& pixels, const Tensor& labels, std::vector<std::string> classes,
                 const std::string& source) {
  if (pixels.dtype() != DType::u8 || pixels.rank() < 3 || pixels.rank() > 4)
    fail(ErrorKind::data, source, "images have shape {} of {}: expected (N, H, W) or (N, H, W, C) of uint8",
         pixels.shape(), name_of(pixels.dtype()));
  const Shape& p = pixels.shape();
  const int64_t channels = p.rank() == 4 ? p[3] : 1;
  if (p[1] == 0 || p[2] == 0 || (channels != 1 && channels != 3))
    fail(ErrorKind::data, source, "images of shape {} have no pixels, or neither 1 nor 3 channels", p);
  const Shape& l = labels.shape();
  const bool column = l.rank() == 1 || (l.rank() == 2 && l[1] == 1);
  if (!column || labels.dtype() == DType::f32 || labels.dtype() == DType::f64)
    fail(ErrorKind::data, source, "labels have shape {} of {}: expected (N) or (N, 1) of integers", l,
         name_of(labels.dtype()));
  if (l[0] != p[0])
    fail(ErrorKind::data, source, "{} images and {} labels: each image needs one; are the files of one set?", p[0],
         l[0]);

  Dataset set{.inputs = pixels.view({p[0], p[1], p[2], channels}),
              .labels = {},
              .classes = std::move(classes),
              .source = source};
  const Tensor wide = labels.to(DType::i64);
  const auto values = wide.data<int64_t>();
  const int64_t limit = set.classes.empty() ? 65536 : static_cast<int64_t>(set.classes.size());
  int64_t largest = -1;
  set.labels.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || values[i] >= limit)
      fail(ErrorKind::data, source, "label {} of example {} is out of range: expected 0 to {}", values[i], i,
           limit - 1);
    largest = std::max(largest, values[i]);
    set.labels.push_back(static_cast<int32_t>(values[i]));
  }
  if (set.classes.empty())
    for (int64_t c = 0; c <= largest; ++c) set.classes.push_back(std::to_string(c));
  return set;
}

bool has_idx_pair(const fs::path& folder) {
  return find_idx(folder, "train", "labels", '1').has_value() || find_idx(folder, "train", "images", '3').has_value() ||
         find_idx(folder, "train", "images", '4').has_value();
}

Splits load_idx_folder(const fs::path& folder, const std::vector<std::string>& classes) {
  const auto read = [&](const std::optional<Pair>& pair) {
    return pair ? labelled(read_idx(pair->images), read_idx(pair->labels), classes, pair->images.string()) : Dataset{};
  };
  const auto train = find_pair(folder, {"train"});
  if (!train) fail(ErrorKind::file, folder.string(), "has no {}", idx_names);
  Splits splits{.train = read(train),
                .validation = read(find_pair(folder, {"validation", "val"})),
                .test = read(find_pair(folder, {"t10k", "test"}))};
  share_classes(splits);
  return splits;
}

Splits load_npy_folder(const fs::path& folder, const std::vector<std::string>& classes) {
  const auto read = [&](const char* part, bool needed) {
    const fs::path images = folder / fmt::format("{}_images.npy", part);
    const fs::path labels = folder / fmt::format("{}_labels.npy", part);
    std::error_code error;
    if (!needed && !fs::exists(images, error) && !fs::exists(labels, error)) return Dataset{};
    return labelled(read_npy(images), read_npy(labels), classes, images.string());
  };
  Splits splits{.train = read("train", true), .validation = read("val", false), .test = read("test", false)};
  share_classes(splits);
  return splits;
}

}  // namespace tandem::data
