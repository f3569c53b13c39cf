#include <tandem/improve/importance.h>

#include "tests/improve/functions.h"
#include "tests/testing.h"

namespace tandem::improve {
namespace {

using tandem::testing::box;

std::vector<double> importance(const Space& space, const std::function<double(const Point&)>& f, int64_t n) {
  std::vector<Point> points;
  std::vector<double> values;
  Rng rng(1, "importance");
  for (int64_t i = 0; i < n; ++i) {
    points.push_back(space.draw(rng));
    values.push_back(f(points.back()));
  }
  return Forest(space, points, values).importance();
}

// y = 3 a + b over the unit square: the variances are 9 / 12 and 1 / 12.
TEST(Importance, OfALinearFunctionIsTheShareOfItsVariance) {
  const auto got = importance(box(3, 0, 1), [](const Point& x) { return 3 * x[0] + x[1]; }, 300);
  EXPECT_NEAR(got[0], 0.9, 0.04);
  EXPECT_NEAR(got[1], 0.1, 0.04);
  EXPECT_LT(got[2], 0.02) << "the function does not look at the third";
}

// y = (a - 1/2)(b - 1/2): neither matters alone.
TEST(Importance, OfAPureInteractionIsNothingAlone) {
  const auto got = importance(box(2, 0, 1), [](const Point& x) { return (x[0] - 0.5) * (x[1] - 0.5); }, 400);
  EXPECT_LT(got[0], 0.15);
  EXPECT_LT(got[1], 0.15);
}

// A choice of three with effects 0, 1, 5 (variance 14 / 3) and a number with effect 4 u (variance 16 / 12).
TEST(Importance, OfAChoice) {
  const Space space({{.name = "c", .choices = {"a", "b", "c"}}, {.name = "u", .low = 0, .high = 1}});
  const auto got = importance(
      space, [](const Point& x) { return (x[0] == 0 ? 0 : x[0] == 1 ? 1 : 5) + 4 * x[1]; }, 300);
  EXPECT_NEAR(got[0], 14.0 / 18, 0.06);
  EXPECT_NEAR(got[1], 4.0 / 18, 0.06);
}

// What is not there has no say: b counts in half of the space only.
TEST(Importance, OfWhatIsNotAlwaysThere) {
  const Space space({{.name = "a", .choices = {"on", "off"}},
                     {.name = "b", .low = 0, .high = 1, .when = {{.parameter = 0, .choices = {0}}}},
                     {.name = "c", .low = 0, .high = 1}});
  const auto got =
      importance(space, [](const Point& x) { return (x[0] == 0 ? x[1] - 0.5 : 0) + 0.1 * x[2]; }, 400);
  EXPECT_GT(got[1], 0.3);
  EXPECT_LT(got[0], 0.1);
  EXPECT_LT(got[2], 0.1);
}

TEST(Importance, OfNothing) {
  const auto got = importance(box(2, 0, 1), [](const Point&) { return 7.0; }, 50);
  EXPECT_EQ(got, (std::vector<double>{0, 0}));
  EXPECT_EQ(Forest(box(2, 0, 1), {}, {}).importance(), (std::vector<double>{0, 0}));
}

TEST(Forest, PredictsWhatItSaw) {
  const Space space = box(2, -5, 5);
  std::vector<Point> points;
  std::vector<double> values;
  Rng rng(2, "predict");
  for (int i = 0; i < 400; ++i) {
    points.push_back(space.draw(rng));
    values.push_back(points.back()[0] > 0 ? 1 : -1);
  }
  const Forest forest(space, points, values);
  EXPECT_GT(forest.predict({3, 0}), 0.8);
  EXPECT_LT(forest.predict({-3, 0}), -0.8);
}

}  // namespace
}  // namespace tandem::improve
