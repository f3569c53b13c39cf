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

}  // namespace
}  // namespace tandem::testing
