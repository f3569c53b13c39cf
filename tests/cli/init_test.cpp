#include <tandem/data/formats/image.h>

#include "tests/cli/program.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

TEST(Init, WritesARecipeThatTrains) {
  const Folder home;
  const data::Dataset set = bands(90, 3, 8);
  for (int64_t i = 0; i < set.size(); ++i)
    home.write(fmt::format("My Bands/{}/{}.png", set.classes[static_cast<size_t>(i % 3)], i),
               data::encode_png(set.pixels().rows(i, i + 1).view({8, 8, 1})));
  const Said made = tandem(home, {"init", "My Bands/"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("90 pictures of 3 classes, 8x8, grey"), std::string::npos) << made.out;
  EXPECT_NE(made.err.find("tandem train my-bands.yaml"), std::string::npos) << made.err;
  const Said trained = tandem(home, {"train", "my-bands.yaml", "train.epochs=2"});
  EXPECT_EQ(trained.code, 0) << trained.err;
  const Said again = tandem(home, {"init", "My Bands"});
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("my-bands.yaml is there already"), std::string::npos) << again.err;
  EXPECT_EQ(tandem(home, {"init", "My Bands", "--force"}).code, 0);
}

TEST(Init, OfACsvSaysWhatItLearns) {
  const Folder home;
  std::string csv = "age,smoker,ill\n";
  for (int i = 0; i < 120; ++i)
    csv += fmt::format("{},{},{}\n", 30 + i % 50, i % 3 ? "yes" : "no", i % 50 > 25 && i % 3 ? "ill" : "well");
  home.write("My Patients.csv", csv);
  const Said made = tandem(home, {"init", "My Patients.csv"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("120 rows of 2 classes (ill, well)"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("learns 'ill' (the last column that holds classes) from 1 columns of numbers and 1 of words"),
            std::string::npos)
      << made.out;
  const Said trained = tandem(home, {"train", "my-patients.yaml", "train.epochs=2", "data.folds=2"});
  EXPECT_EQ(trained.code, 0) << trained.err;
  const Said wrong = tandem(home, {"init", "My Patients.csv", "--force", "--target", "smokr"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_NE(wrong.err.find("smoker"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace tandem::testing
