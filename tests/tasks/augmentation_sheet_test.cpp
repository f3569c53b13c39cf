#include <tandem/tasks/augmentation_sheet.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

TEST(AugmentationSheet, ShowsThePictureAndThenWhatEpochsSee) {
  const data::Dataset set = bands(12, 1, 56), none;  // as large as a cell: no zoom
  tasks::Classifier model = train::make_model(small_recipe(), set);
  tasks::ClassificationOptions options;
  options.augmentation.image.flip = true;
  options.augmentation.mixing.cutmix = 1;
  const tasks::Classification task(model, set, none, options);
  const std::vector<int64_t> examples{4, 7};
  const Tensor sheet = tasks::augmentation_sheet(task, set, examples, 3, 9);
  ASSERT_EQ(sheet.shape(), Shape({2 + 2 * 58, 2 + 3 * 58, 1}));
  const auto shown = [&](int64_t row, int64_t column, int64_t y, int64_t x) {
    return sheet.at((2 + row * 58 + y) * (2 + 3 * 58) + 2 + column * 58 + x);
  };
  const double mean = model.image().mean[0], deviation = model.image().std[0];
  std::vector<Tensor> given;
  for (int64_t epoch = 0; epoch < 2; ++epoch)
    given.push_back(task.read(examples, {.seed = 9, .epoch = epoch, .step = 0, .share = 1}).batch.x);
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t y = 0; y < 56; ++y)
      for (int64_t x = 0; x < 56; ++x) {
        ASSERT_EQ(shown(row, 0, y, x), set.pixels().at((examples[static_cast<size_t>(row)] * 56 + y) * 56 + x));
        for (size_t epoch = 0; epoch < 2; ++epoch)
          ASSERT_NEAR(shown(row, 1 + static_cast<int64_t>(epoch), y, x),
                      255 * (given[epoch].at((row * 56 + y) * 56 + x) * deviation + mean), 0.51);
      }
}

TEST(AugmentationSheet, BadInput) {
  const data::Dataset set = bands(12, 1), none;
  tasks::Classifier model = train::make_model(small_recipe(), set);
  const tasks::Classification task(model, set, none, {});
  const std::vector<int64_t> one{3}, far{12}, nobody;
  expect_error(ErrorKind::usage, {"got 0 and 5"}, [&] { (void)tasks::augmentation_sheet(task, set, nobody, 5, 1); });
  expect_error(ErrorKind::usage, {"2 to 200 columns", "got 1 and 1"},
               [&] { (void)tasks::augmentation_sheet(task, set, one, 1, 1); });
  expect_error(ErrorKind::usage, {"example 12", "0 to 11"},
               [&] { (void)tasks::augmentation_sheet(task, set, far, 5, 1); });
}

}  // namespace
}  // namespace tandem::testing
