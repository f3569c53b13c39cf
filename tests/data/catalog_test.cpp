// Data sets by name or path, and labelled arrays.
#include <tandem/base/threads.h>
#include <tandem/data/arrays.h>
#include <tandem/data/catalog.h>
#include <tandem/data/formats/idx.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/npy.h>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

Tensor bytes_of(const std::vector<uint8_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

std::vector<uint8_t> pixels_of(const Dataset& set) {
  const auto span = set.pixels().data<uint8_t>();
  return {span.begin(), span.end()};
}

/// The four files of MNIST with n images and the digits in turn.
void write_mnist(const fs::path& folder, int64_t n, const std::string& joint, const std::string& ending) {
  fs::create_directories(folder);
  for (const std::string part : {"train", "t10k"}) {
    Tensor labels = Tensor::empty({n}, DType::u8);
    for (int64_t i = 0; i < n; ++i) labels.data<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i % 10);
    write_idx(folder / (part + "-images" + joint + "idx3-ubyte" + ending), Tensor::full({n, 6, 5}, 1, DType::u8));
    write_idx(folder / (part + "-labels" + joint + "idx1-ubyte" + ending), labels);
  }
}

TEST(Catalog, BuiltinIsBalancedSeededAndTheSameForAnyThreads) {
  const LoadOptions options{.seed = 7, .train_examples = 200, .test_examples = 50};
  const Splits set = load("builtin", options);
  ASSERT_EQ(set.train.pixels().shape(), Shape({200, 28, 28, 1}));
  EXPECT_EQ(set.test.size(), 50);
  EXPECT_EQ(set.validation.size(), 0);
  for (int32_t digit = 0; digit < 10; ++digit) EXPECT_EQ(std::ranges::count(set.train.labels, digit), 20);
  set_threads(1);
  EXPECT_EQ(pixels_of(load("builtin", options).train), pixels_of(set.train));
  set_threads(0);
  LoadOptions other = options;
  other.seed = 8;
  EXPECT_NE(pixels_of(load("builtin", other).train), pixels_of(set.train));
  EXPECT_NE(pixels_of(subset(set.train, std::vector<int64_t>{0})),
            pixels_of(subset(set.test, std::vector<int64_t>{0})));
  other = options;
  other.train_examples = 20;  // the first examples do not depend on how many follow
  EXPECT_EQ(pixels_of(load("builtin", other).train),
            pixels_of({.inputs = set.train.pixels().rows(0, 20), .labels = {}, .classes = {}, .source = {}}));
}

TEST(Catalog, BuiltinWithTwoClassesAndAnotherSize) {
  const Splits set =
      load("builtin",
           {.train_examples = 30, .test_examples = 10, .image = {.height = 14, .channels = 3}, .classes = {"1", "0"}});
  EXPECT_EQ(set.train.pixels().shape(), Shape({30, 14, 14, 3}));
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"1", "0"}));
  EXPECT_EQ(std::ranges::count(set.train.labels, 1), 15);
  expect_error(ErrorKind::usage, {"'11' is not a class of builtin"},
               [] { (void)load("builtin", {.classes = {"11"}}); });
}

TEST(Catalog, MnistByAllItsFileNames) {
  for (const std::string joint : {"-", "."})
    for (const std::string ending : {"", ".gz"}) {
      const TemporaryFolder folder;
      write_mnist(folder.path() / "mnist", 40, joint, ending);
      const Splits set = load("mnist", {.data_folder = folder.path()});
      EXPECT_EQ(set.train.pixels().shape(), Shape({40, 6, 5, 1}));
      EXPECT_EQ(set.test.size(), 40);
      EXPECT_EQ(set.train.classes.size(), 10U);
      const Splits few = load(
          "mnist", {.data_folder = folder.path(), .train_examples = 20, .test_examples = 7, .classes = {"3", "4"}});
      EXPECT_EQ(few.train.size(), 8);  // no more than there are
      EXPECT_EQ(few.test.size(), 7);
      EXPECT_EQ(load((folder.path() / "mnist").string()).train.size(), 40);  // the same by path
    }
}

TEST(Catalog, LimitTakesAShareOfEveryClass) {
  const TemporaryFolder folder;
  write_mnist(folder.path() / "mnist", 100, "-", "");
  const Splits set = load("mnist", {.data_folder = folder.path(), .train_examples = 20});
  for (int32_t digit = 0; digit < 10; ++digit) EXPECT_EQ(std::ranges::count(set.train.labels, digit), 2);
  EXPECT_EQ(set.test.size(), 100);
}

TEST(Catalog, MnistBadInput) {
  const TemporaryFolder home;
  const fs::path folder = home.path() / "mnist";
  const LoadOptions options{.data_folder = home.path()};
  const auto run = [&] { (void)load("mnist", options); };
  expect_error(ErrorKind::file, {"mnist", folder.string(), "tandem data fetch mnist", "--data"}, run);
  const auto reset = [&] { write_mnist(folder, 20, "-", ".gz"); };
  reset();
  run();
  write_idx(folder / "train-labels-idx1-ubyte.gz", bytes_of(std::vector<uint8_t>(19)));
  expect_error(ErrorKind::data, {"train-images", "20 images and 19 labels"}, run);
  reset();
  write_idx(folder / "t10k-labels-idx1-ubyte.gz", bytes_of(std::vector<uint8_t>(20, 10)));
  expect_error(ErrorKind::data, {"t10k-images", "label 10 of example 0", "0 to 9"}, run);
  reset();
  fs::copy_file(folder / "train-labels-idx1-ubyte.gz", folder / "train-images-idx3-ubyte.gz",
                fs::copy_options::overwrite_existing);
  expect_error(ErrorKind::data, {"train-images", "shape (20)", "(N, H, W)"}, run);
  reset();
  fs::resize_file(folder / "train-images-idx3-ubyte.gz", 30);
  expect_error(ErrorKind::data, {"train-images", "cut short"}, run);
  reset();
  fs::remove(folder / "train-labels-idx1-ubyte.gz");
  expect_error(ErrorKind::file, {"train-images-idx3-ubyte.gz", "not the labels"}, run);
}

TEST(Catalog, PneumoniaMnist) {
  const TemporaryFolder home;
  const fs::path folder = home.path() / "pneumoniamnist";
  fs::create_directories(folder);
  for (const std::string part : {"train", "val", "test"}) {
    write_npy(folder / (part + "_images.npy"), Tensor::zeros({3, 28, 28}, DType::u8));
    write_npy(folder / (part + "_labels.npy"), Tensor::from(std::vector<uint8_t>{0, 1, 1}, {3, 1}));
  }
  const LoadOptions options{.data_folder = home.path()};
  const Splits set = load("pneumoniamnist", options);
  EXPECT_EQ(set.validation.labels, (std::vector<int32_t>{0, 1, 1}));
  EXPECT_EQ(set.train.classes[1], "pneumonia");
  write_npy(folder / "val_labels.npy", Tensor::from(std::vector<float>{0, 1, 1}, {3}));
  expect_error(ErrorKind::data, {"val_images.npy", "float32", "integers"},
               [&] { (void)load("pneumoniamnist", options); });
  fs::remove(folder / "val_labels.npy");
  expect_error(ErrorKind::file, {"pneumoniamnist", "by hand"}, [&] { (void)load("pneumoniamnist", options); });
}

TEST(Catalog, Cifar10FromArchivesOrFolders) {
  const TemporaryFolder home;
  for (const std::string part : {"train", "test"})
    for (const std::string name : {"cat", "ship"})
      for (int i = 0; i < 2; ++i)
        home.write("cifar10_jpeg/" + part + "/" + name + "/" + std::to_string(i) + ".jpg",
                   testing::make_jpeg(testing::pattern(32, 32, 3, i)));
  const LoadOptions options{.data_folder = home.path()};
  const Splits unpacked = load("cifar10", options);
  ASSERT_EQ(unpacked.train.pixels().shape(), Shape({4, 32, 32, 3}));
  const fs::path folder = home.path() / "cifar10_jpeg";
  for (const std::string part : {"train", "test"}) {
    testing::Members members;
    for (const auto& file : fs::recursive_directory_iterator(folder / part))
      if (file.is_regular_file())
        members.emplace_back(file.path().lexically_relative(folder).string(), read_file(file.path()));
    testing::make_archive(folder / (part + ".tar.gz"), members);
    fs::remove_all(folder / part);
  }
  const Splits packed = load("cifar10", options);
  EXPECT_EQ(pixels_of(packed.train), pixels_of(unpacked.train));
  EXPECT_EQ(pixels_of(packed.test), pixels_of(unpacked.test));
  EXPECT_EQ(packed.test.labels, unpacked.test.labels);
  testing::make_archive(folder / "test.tar.gz", {{"test/cat/1.png", encode_png(testing::pattern(32, 32, 3))}});
  expect_error(ErrorKind::data, {"train has the classes cat, ship, test has cat"},
               [&] { (void)load("cifar10", options); });
}

TEST(Catalog, UnknownSources) {
  expect_error(ErrorKind::usage, {"'mnits'", "did you mean 'mnist'", "builtin, mnist, cifar10, pneumoniamnist, "},
               [] { (void)load("mnits"); });
  expect_error(ErrorKind::file, {"/no/such/folder", "does not exist"}, [] { (void)load("/no/such/folder"); });
  expect_error(ErrorKind::file, {"x.tar.gz", "does not exist"}, [] { (void)load("x.tar.gz"); });
  expect_error(ErrorKind::usage, {"-1 train"}, [] { (void)load("builtin", {.train_examples = -1}); });
  const TemporaryFolder folder;
  folder.write("test/a/1.png", encode_png(testing::pattern(3, 3, 1)));
  expect_error(ErrorKind::data, {"no train part"}, [&] { (void)load(folder.path().string()); });
}

TEST(Catalog, DataFolder) {
  const char* set = std::getenv("TANDEM_DATA");
  const std::string before = set ? set : "";
  EXPECT_EQ(data_folder("/a"), "/a");
  setenv("TANDEM_DATA", "/b", 1);
  EXPECT_EQ(data_folder(""), "/b");
  EXPECT_EQ(data_folder("/a"), "/a");
  unsetenv("TANDEM_DATA");
  EXPECT_EQ(data_folder(""), cache_folder() / "data");
  if (set) setenv("TANDEM_DATA", before.c_str(), 1);
}

TEST(Arrays, LabelsNameTheClasses) {
  const Dataset set = labelled(Tensor::zeros({3, 2, 2, 3}, DType::u8), bytes_of({4, 0, 4}), {}, "x");
  EXPECT_EQ(set.classes.size(), 5U);
  EXPECT_EQ(set.pixels().shape(), Shape({3, 2, 2, 3}));
  for (const Shape& wrong : {Shape{3, 4}, Shape{3, 2, 2, 2}, Shape{3, 0, 2}})
    expect_error(ErrorKind::data, {"x:", wrong.str()}, [&] {
      (void)labelled(Tensor::zeros(wrong, DType::u8), bytes_of({0, 0, 0}), {}, "x");
    });
  expect_error(ErrorKind::data, {"label -1"}, [] {
    (void)labelled(Tensor::zeros({1, 2, 2}, DType::u8), Tensor::from(std::vector<int64_t>{-1}, {1}), {}, "x");
  });
}

TEST(RealData, Mnist) {
  const char* folder = std::getenv("TANDEM_DATA");
  if (!folder || !fs::exists(fs::path(folder) / "mnist")) GTEST_SKIP() << "needs TANDEM_DATA (mnist)";
  const Splits set = load("mnist");
  EXPECT_EQ(set.train.pixels().shape(), Shape({60000, 28, 28, 1}));
  EXPECT_EQ(set.test.size(), 10000);
  EXPECT_EQ(std::ranges::count(set.test.labels, 0) + std::ranges::count(set.test.labels, 1), 2115);
}

TEST(RealData, Cifar10) {
  const char* folder = std::getenv("TANDEM_DATA");
  if (!folder || !fs::exists(fs::path(folder) / "cifar10_jpeg")) GTEST_SKIP() << "needs TANDEM_DATA (cifar10)";
  const Splits set = load("cifar10");
  EXPECT_EQ(set.train.pixels().shape(), Shape({50000, 32, 32, 3}));
  EXPECT_EQ(set.test.pixels().shape(), Shape({10000, 32, 32, 3}));
  EXPECT_EQ(set.train.classes.front(), "airplane");
}

TEST(RealData, PneumoniaMnist) {
  const char* folder = std::getenv("TANDEM_DATA");
  if (!folder || !fs::exists(fs::path(folder) / "pneumoniamnist")) GTEST_SKIP() << "needs TANDEM_DATA (pneumoniamnist)";
  const Splits set = load("pneumoniamnist");
  EXPECT_EQ(set.train.size(), 4708);
  EXPECT_EQ(set.validation.size(), 524);
  EXPECT_EQ(set.test.size(), 624);
  EXPECT_EQ(std::ranges::count(set.test.labels, 1), 390);
}

TEST(Catalog, ALimitLeavesATestPartThatIsSetAsideWhole) {
  const TemporaryFolder folder;
  std::string csv = "text,label\n";
  for (int i = 0; i < 200; ++i) csv += fmt::format("text number {},{}\n", i, i % 2 ? "odd" : "even");
  const fs::path file = folder.path() / "numbers.csv";
  write_text(file, csv);
  const auto parts = [&](int64_t train, int64_t test, uint64_t seed = 1) {
    return load(
        file, {.seed = seed, .train_examples = train, .test_examples = test, .test_share = 0.25, .text = TextSource{}});
  };
  const Splits all = parts(0, 0), few = parts(10, 0);
  EXPECT_EQ(all.train.size(), 150);
  EXPECT_EQ(all.test.size(), 50);
  EXPECT_EQ(few.test.texts(), all.test.texts()) << "few labels are measured on the same examples";
  EXPECT_EQ(few.train.size(), 10);
  EXPECT_EQ(std::ranges::count(few.train.labels, 1), 5) << "each class gives its share";
  for (const std::string& text : few.train.texts())
    EXPECT_EQ(std::ranges::count(all.test.texts(), text), 0) << text << " is in both parts";
  EXPECT_NE(parts(10, 0, 2).train.texts(), few.train.texts()) << "drawn by the seed";
  EXPECT_EQ(parts(0, 20).test.size(), 20);
}

}  // namespace
}  // namespace tandem::data
