#include <tandem/base/random.h>
#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/data/arrays.h>
#include <tandem/data/catalog.h>
#include <tandem/data/digits.h>
#include <tandem/data/formats/archive.h>
#include <tandem/data/shapes.h>
#include <tandem/data/text/named.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace tandem::data {
namespace {

constexpr int64_t digit_side = 28;
constexpr int64_t default_train_digits = 20'000;
constexpr int64_t default_test_digits = 5'000;
const std::vector<std::string> digit_names{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

/// A data set that the program draws: class `c` of `names` is drawn by draw(c, rng, pixels).
struct Drawn {
  const char* source;
  const char* stream;  // of random numbers
  const std::vector<std::string>& names;
  void (*draw)(int64_t index, Rng& rng, std::span<uint8_t, digit_side * digit_side> pixels);
};
const Drawn drawn_sets[]{
    {"builtin", "digits", digit_names,
     [](int64_t c, Rng& rng, std::span<uint8_t, 784> pixels) { draw_digit(static_cast<int>(c), rng, pixels); }},
    {"shapes", "shapes", shape_names(), draw_shape},
    {"noise", "noise", noise_names(), draw_noise},
};

/// Example i depends on the seed, the part and i alone, and shows class i modulo the number of classes.
Dataset draw_set(const Drawn& drawn, const std::vector<std::string>& classes, int64_t examples, uint64_t seed,
                 const std::string& part) {
  // An empty set with all names: only_classes checks the wanted ones.
  const Dataset all{.inputs = {}, .labels = {}, .classes = drawn.names, .source = drawn.source};
  Dataset set = classes.empty() ? all : only_classes(all, classes);
  set.inputs = Tensor::empty({examples, digit_side, digit_side, 1}, DType::u8);
  set.labels.resize(static_cast<size_t>(examples));
  std::vector<int64_t> indices;
  for (const auto& name : set.classes) indices.push_back(std::ranges::find(drawn.names, name) - drawn.names.begin());
  const Rng stream(seed, drawn.stream + ("/" + part));
  uint8_t* pixels = set.pixels().data<uint8_t>().data();
  parallel_for(examples, 32, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto label = static_cast<size_t>(i) % indices.size();
      Rng rng = stream.split(static_cast<uint64_t>(i));
      drawn.draw(indices[label], rng,
                 std::span<uint8_t, digit_side * digit_side>(pixels + i * digit_side * digit_side,
                                                             static_cast<size_t>(digit_side * digit_side)));
      set.labels[static_cast<size_t>(i)] = static_cast<int32_t>(label);
    }
  });
  return set;
}

/// At most `most` examples, each class giving its share: class members are shuffled and spread evenly over [0, 1), and
/// the first `most` on that line are taken. The set's order is kept.
Dataset limited(const Dataset& set, int64_t most, uint64_t seed) {
  if (most <= 0 || most >= set.size()) return set;
  std::vector<std::vector<int64_t>> members(set.classes.size());
  for (int64_t i = 0; i < set.size(); ++i)
    members[static_cast<size_t>(set.labels[static_cast<size_t>(i)])].push_back(i);
  std::vector<std::pair<double, int64_t>> line;
  for (size_t c = 0; c < members.size(); ++c) {
    const auto n = static_cast<int64_t>(members[c].size());
    const auto order = Rng(seed, "limit").split(c).permutation(n);
    for (int64_t i = 0; i < n; ++i)
      line.emplace_back((static_cast<double>(i) + 0.5) / static_cast<double>(n),
                        members[c][static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  std::ranges::sort(line);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < most; ++i) chosen.push_back(line[static_cast<size_t>(i)].second);
  std::ranges::sort(chosen);
  return subset(set, chosen);
}

/// A test part where there is none, and only then the limits: a network that learns from a few examples is measured on
/// no fewer than one that learns from all.
void limit(Splits& parts, const LoadOptions& options) {
  if (parts.test.size() == 0 && options.test_share > 0)
    std::tie(parts.train, parts.test) = split(parts.train, options.test_share, options.seed + 0x7e57);
  parts.train = limited(parts.train, options.train_examples, options.seed);
  parts.test = limited(parts.test, options.test_examples, options.seed);
}

/// The folder or archive of a part of CIFAR-10 inside `folder`; "" when there is neither.
fs::path cifar_part(const fs::path& folder, const std::string& part) {
  std::error_code error;
  for (const char* ending : {"", ".tar.gz", ".tar"})
    if (fs::path path = folder / (part + ending); fs::exists(path, error)) return path;
  return {};
}

Splits load_cifar10(const fs::path& folder, const ImageOptions& image) {
  const auto load_part = [&](const std::string& name) {
    const fs::path path = cifar_part(folder, name);
    if (path.empty()) fail(ErrorKind::file, folder.string(), "has no {0}.tar.gz and no folder {0}/", name);
    Splits all = fs::is_directory(path) ? load_folder(path, image) : load_archive(path, image);
    return std::move(name == "test" && all.test.size() > 0 ? all.test : all.train);
  };
  Splits out{.train = load_part("train"), .validation = {}, .test = load_part("test")};
  if (out.train.classes != out.test.classes)
    fail(ErrorKind::data, folder.string(), "train has the classes {}, test has {}", join(out.train.classes),
         join(out.test.classes));
  return out;
}

/// What the files of UCI leave to their documents.
const TableSource* known_table(const std::string& name) {
  static const TableSource wdbc = [] {
    TableSource out{.target = "diagnosis", .classes = {{"benign", {"B"}}, {"malignant", {"M"}}}};
    out.names = {"id", "diagnosis"};
    for (const char* of : {"mean", "error", "worst"})
      for (const char* measure : {"radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
                                  "concave points", "symmetry", "fractal dimension"})
        out.names.push_back(fmt::format("{} {}", measure, of));
    out.types = {{"id", "identifier"}};
    out.header = "no";
    return out;
  }();
  static const TableSource heart{
      .target = "disease",
      .classes = {{"healthy", {"0"}}, {"disease", {"1", "2", "3", "4"}}},
      .types = {{"chest pain", "category"}, {"resting ecg", "category"}, {"thal", "category"}},
      .names = {"age", "sex", "chest pain", "resting pressure", "cholesterol", "fasting sugar", "resting ecg",
                "highest rate", "exercise angina", "st depression", "st slope", "vessels", "thal", "disease"},
      .header = "no"};
  return name == "wdbc" ? &wdbc : name == "heart_cleveland" ? &heart : nullptr;
}

void need_present(const CatalogEntry& entry, const fs::path& home) {
  if (is_present(entry, home)) return;
  fail(ErrorKind::file, entry.name, "is not in {} (looked for {}): {}name another folder with --data or TANDEM_DATA",
       (home / entry.folder).string(), join(entry.files),
       entry.fetchable ? fmt::format("run `tandem data fetch {}`, or ", entry.name)
                       : "put the files there by hand, or ");
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : catalog()) out.push_back(entry.name);
  return out;
}

Splits load_named(const CatalogEntry& entry, const LoadOptions& options) {
  const fs::path home = options.data_folder.empty() ? data_folder("") : options.data_folder;
  const fs::path folder = home / entry.folder;
  need_present(entry, home);
  if (entry.name == "mnist") return load_idx_folder(folder, digit_names);
  if (entry.name == "cifar10") return load_cifar10(folder, options.image);
  if (entry.name == "pneumoniamnist") return load_npy_folder(folder, {"normal", "pneumonia"});
  return load_named_texts(entry.name, folder, options.seed);
}

Splits load_path(const fs::path& path, const ImageOptions& image) {
  std::error_code error;
  Splits out = !fs::is_directory(path, error) ? load_archive(path, image)
               : has_idx_pair(path)           ? load_idx_folder(path)
                                              : load_folder(path, image);
  if (out.train.size() == 0)
    fail(ErrorKind::data, path.string(), "has no train part: put the images to learn from into train/CLASS/");
  return out;
}

[[noreturn]] void unknown(const std::string& source) {
  const std::string nearest = nearest_name(source, names());
  if (source.find('/') != std::string::npos || is_archive_name(source))
    fail(ErrorKind::file, source, "does not exist: expected a folder of images, a folder of IDX files or an archive");
  fail("data", "'{}' is neither a data set nor a path{}; data sets are {}", source,
       nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), join(names()));
}

}  // namespace

const std::vector<CatalogEntry>& catalog() {
  static const std::vector<CatalogEntry> entries{
      {.name = "builtin",
       .task = "digit images, drawn by the program",
       .classes = 10,
       .sizes = "20,000 / - / 5,000 (any number), 28x28 grey",
       .licence = "Apache-2.0, part of Tandem",
       .folder = "",
       .files = {},
       .fetchable = false},
      {.name = "mnist",
       .task = "digit images, handwritten",
       .classes = 10,
       .sizes = "60,000 / - / 10,000, 28x28 grey",
       .licence = "none stated; cite LeCun, Cortes, Burges",
       .folder = "mnist",
       .files = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                 "t10k-labels-idx1-ubyte.gz"},
       .fetchable = true},
      {.name = "cifar10",
       .task = "photographs of ten kinds of things",
       .classes = 10,
       .sizes = "50,000 / - / 10,000, 32x32 colour",
       .licence = "none stated; cite Krizhevsky 2009",
       .folder = "cifar10_jpeg",
       .files = {"train.tar.gz", "test.tar.gz"},
       .fetchable = false},
      {.name = "pneumoniamnist",
       .task = "chest X-rays, normal or pneumonia",
       .classes = 2,
       .sizes = "4,708 / 524 / 624, 28x28 grey",
       .licence = "CC BY 4.0 (MedMNIST)",
       .folder = "pneumoniamnist",
       .files = {"train_images.npy", "train_labels.npy", "val_images.npy", "val_labels.npy", "test_images.npy",
                 "test_labels.npy"},
       .fetchable = false},
      {.name = "mr_polarity",
       .task = "English sentences about films, good or bad",
       .classes = 2,
       .sizes = "10,662 (10 folds) / - / -",
       .licence = "none stated; cite Pang and Lee 2005",
       .folder = "mr_polarity",
       .files = {"rt-polarity.pos", "rt-polarity.neg"},
       .fetchable = false},
      {.name = "chnsenticorp",
       .task = "Chinese reviews of hotels, good or bad",
       .classes = 2,
       .sizes = "6,213 / 776 / 776, drawn by seed",
       .licence = "none stated; corpus by Tan Songbo",
       .folder = "chnsenticorp",
       .files = {"ChnSentiCorp_htl_all.csv"},
       .fetchable = false},
      {.name = "banking77",
       .task = "what customers ask their bank",
       .classes = 77,
       .sizes = "10,003 / - / 3,080",
       .licence = "CC BY 4.0",
       .folder = "banking77",
       .files = {"train.csv", "test.csv"},
       .fetchable = false},
      {.name = "clinc150",
       .task = "what people ask an assistant, and what it cannot do (oos)",
       .classes = 151,
       .sizes = "15,100 / 3,100 / 5,500",
       .licence = "CC BY 3.0",
       .folder = "clinc150",
       .files = {"data_full.json"},
       .fetchable = false},
      {.name = "tinyshakespeare",
       .task = "running text: plays of Shakespeare",
       .classes = 0,
       .sizes = "1,003,854 / 111,540 / - characters",
       .licence = "public domain",
       .folder = "tinyshakespeare",
       .files = {"input.txt"},
       .fetchable = false},
      {.name = "wikitext2",
       .task = "running text: articles of Wikipedia, cut into words",
       .classes = 0,
       .sizes = "2,088,628 / 217,646 / 245,569 words",
       .licence = "CC BY-SA (Wikipedia)",
       .folder = "wikitext2",
       .files = {"train.txt", "valid.txt", "test.txt"},
       .fetchable = false},
      {.name = "multi30k",
       .task = "English sentences about pictures and their German translations",
       .classes = 0,
       .sizes = "29,000 / 1,014 / 1,000 pairs",
       .licence = "none stated; cite Elliott et al. 2016",
       .folder = "multi30k",
       .files = {"train.en.gz", "train.de.gz", "val.en.gz", "val.de.gz", "test_2016_flickr.en.gz",
                 "test_2016_flickr.de.gz"},
       .fetchable = false},
      {.name = "wdbc",
       .task = "cells of breast tumours, benign or malignant: a table of 30 measures",
       .classes = 2,
       .sizes = "569 rows",
       .licence = "CC BY 4.0 (UCI)",
       .folder = "wdbc",
       .files = {"wdbc.data"},
       .table = true},
      {.name = "heart_cleveland",
       .task = "patients with or without heart disease: a table of 13 measures",
       .classes = 2,
       .sizes = "303 rows",
       .licence = "CC BY 4.0 (UCI)",
       .folder = "heart_cleveland",
       .files = {"processed.cleveland.data"},
       .table = true},
      {.name = "shapes",
       .task = "letters and signs that are no digits, drawn by the program",
       .classes = 18,
       .sizes = "20,000 / - / 5,000 (any number), 28x28 grey",
       .licence = "Apache-2.0, part of Tandem",
       .folder = "",
       .files = {},
       .fetchable = false},
      {.name = "noise",
       .task = "pictures of noise, drawn by the program",
       .classes = 3,
       .sizes = "20,000 / - / 5,000 (any number), 28x28 grey",
       .licence = "Apache-2.0, part of Tandem",
       .folder = "",
       .files = {},
       .fetchable = false},
  };
  return entries;
}

bool is_present(const CatalogEntry& entry, const fs::path& data_folder) {
  const fs::path folder = data_folder / entry.folder;
  if (entry.files.empty()) return true;
  if (entry.name == "mnist") return has_idx_pair(folder);
  if (entry.name == "cifar10") return !cifar_part(folder, "train").empty() && !cifar_part(folder, "test").empty();
  std::error_code error;
  return std::ranges::all_of(entry.files, [&](const auto& file) { return fs::exists(folder / file, error); });
}

fs::path data_folder(const std::string& flag) {
  if (!flag.empty()) return flag;
  if (const char* set = std::getenv("TANDEM_DATA"); set && *set) return set;
  return cache_folder() / "data";
}

bool is_table(const std::string& source) {
  if (known_table(source)) return true;
  std::string name = source.ends_with(".gz") ? source.substr(0, source.size() - 3) : source;
  return name.ends_with(".csv") || name.ends_with(".tsv") || name.ends_with(".data");
}

TableSource table_source(const std::string& source, const TableSource& given) {
  const TableSource* known = known_table(source);
  if (!known) return given;
  TableSource out = given;
  if (out.target.empty()) out.target = known->target;
  if (out.classes.empty() && out.target == known->target) out.classes = known->classes;
  if (out.names.empty()) out.names = known->names;
  if (out.header == "guess") out.header = known->header;
  for (const auto& type : known->types)
    if (std::ranges::none_of(out.types, [&](const auto& t) { return t.first == type.first; }))
      out.types.push_back(type);
  return out;
}

Splits load_table(const std::string& source, const TableSource& table, const LoadOptions& options) {
  const auto entry = std::ranges::find(catalog(), source, &CatalogEntry::name);
  const fs::path home = options.data_folder.empty() ? data_folder("") : options.data_folder;
  std::error_code error;
  fs::path path = source;
  if (entry != catalog().end()) {
    if (!entry->table) fail("data", "'{}' is no table: {}", source, entry->task);
    need_present(*entry, home);
    path = home / entry->folder / entry->files[0];
  } else if (!fs::exists(path, error)) {
    if (source.find('/') == std::string::npos && source.find('.') == std::string::npos) unknown(source);
    fail(ErrorKind::file, source, "does not exist: expected a CSV or TSV file, or a folder with train.csv");
  }
  Splits out = load_table(path, table_source(source, table));
  for (Dataset* set : {&out.train, &out.validation, &out.test})
    if (set->size() > 0 && !options.classes.empty()) *set = only_classes(*set, options.classes);
  limit(out, options);
  return out;
}

Splits load(const std::string& source, const LoadOptions& options) {
  if (options.train_examples < 0 || options.test_examples < 0)
    fail("data", "{} train and {} test examples asked for: give 0 (all) or more", options.train_examples,
         options.test_examples);
  Splits out;
  const auto entry = std::ranges::find(catalog(), source, &CatalogEntry::name);
  if (entry != catalog().end() && entry->table)
    fail("data", "'{}' is a table: set `task: table_classification` to learn from it", source);
  if (const auto* drawn = std::ranges::find(drawn_sets, source, &Drawn::source); drawn != std::end(drawn_sets)) {
    const auto count = [](int64_t asked, int64_t otherwise) { return asked > 0 ? asked : otherwise; };
    out.train =
        draw_set(*drawn, options.classes, count(options.train_examples, default_train_digits), options.seed, "train");
    out.test =
        draw_set(*drawn, options.classes, count(options.test_examples, default_test_digits), options.seed, "test");
  } else {
    std::error_code error;
    if (entry != catalog().end())
      out = load_named(*entry, options);
    else if (fs::exists(source, error))
      out = options.text ? load_texts(source, *options.text) : load_path(source, options.image);
    else
      unknown(source);
    for (Dataset* set : {&out.train, &out.validation, &out.test}) {
      if (set->size() > 0 && !options.classes.empty()) *set = only_classes(*set, options.classes);
    }
    limit(out, options);
  }
  if (!out.train.has_texts())
    for (Dataset* set : {&out.train, &out.validation, &out.test}) *set = conform(*set, options.image);
  return out;
}

}  // namespace tandem::data
