#include <tandem/tasks/views.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using tasks::Views;

std::vector<float> numbers(const Tensor& t) {
  const auto v = t.data<const float>();
  return {v.begin(), v.end()};
}

// Two pictures of 2 x 3 pixels and one channel.
Tensor batch() { return Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}, {2, 2, 3, 1}); }

TEST(Views, TheFirstIsThePictureItself) {
  for (const Views views : {Views{}, Views{true, 0}, Views{true, 1}})
    EXPECT_EQ(numbers(views.of(batch(), 0)), numbers(batch()));
  EXPECT_EQ((Views{}.count()), 1);
  EXPECT_EQ((Views{true, 0}.count()), 2);
  EXPECT_EQ((Views{false, 2}.count()), 3);
  EXPECT_EQ((Views{true, 2}.count()), 6);
}

TEST(Views, MirrorsAndMoves) {
  EXPECT_EQ(numbers(Views{true, 0}.of(batch(), 1)), (std::vector<float>{3, 2, 1, 6, 5, 4, 13, 12, 11, 16, 15, 14}));
  const Views moved{false, 1};
  EXPECT_EQ(numbers(moved.of(batch(), 1)), (std::vector<float>{5, 6, 6, 5, 6, 6, 15, 16, 16, 15, 16, 16}));
  EXPECT_EQ(numbers(moved.of(batch(), 2)), (std::vector<float>{1, 1, 2, 1, 1, 2, 11, 11, 12, 11, 11, 12}));
  const Views both{true, 1};  // picture, mirror, moved, moved and mirrored, …
  EXPECT_EQ(numbers(both.of(batch(), 2)), numbers(moved.of(batch(), 1)));
  EXPECT_EQ(numbers(both.of(batch(), 3)), (std::vector<float>{6, 6, 5, 6, 6, 5, 16, 16, 15, 16, 16, 15}));
}

TEST(Views, RefusesWhatIsNoView) {
  expect_error(ErrorKind::usage, {"views: view 2 of 2"}, [] { static_cast<void>(Views{true, 0}.of(batch(), 2)); });
  expect_error(ErrorKind::usage, {"expected images"}, [] {
    static_cast<void>(Views{true, 0}.of(Tensor::zeros({2, 3}), 1));
  });
}

}  // namespace
}  // namespace tandem::testing
