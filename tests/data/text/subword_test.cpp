// Subword models as files give them: what is no such model is refused.
#include <tandem/base/protobuf.h>
#include <tandem/data/text/subword.h>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;

enum Kind { normal = 1, unknown = 2, control = 3 };  // of sentencepiece_model.proto

Subword model_of(const std::vector<std::pair<std::string, Kind>>& pieces) {
  protobuf::Message model;
  for (const auto& [text, kind] : pieces) model.part(1, protobuf::Message().text(1, text).real(2, -1).number(3, kind));
  return Subword::restore({reinterpret_cast<const uint8_t*>(model.bytes().data()), model.bytes().size()}, "m");
}

TEST(Subword, OfPiecesWrittenByHand) {
  const Subword model =
      model_of({{"<unk>", unknown}, {"<s>", control}, {"</s>", control}, {"\u2581", normal}, {"ab", normal}});
  EXPECT_EQ(model.size(), 5);
  EXPECT_EQ(model.encode("ab"), (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(model.decode(std::vector<int32_t>{3, 4, 4}), "abab");
  expect_error(ErrorKind::data, {"tokens could not be put together"},
               [&] { (void)model.decode(std::vector<int32_t>{99}); });
}

TEST(Subword, RefusesModelsThatAreNotWhole) {
  const auto refused = [](const std::string& message, const std::vector<std::pair<std::string, Kind>>& pieces) {
    expect_error(ErrorKind::data, {"m: ", message}, [&] { (void)model_of(pieces); });
  };
  refused("is damaged: it is empty", {});
  refused("the subword model is damaged", {{"<s>", control}, {"</s>", control}, {"a", normal}});
  refused("has <unk>, <s>, </s> at 1, 0, 2; expected 0, 1, 2",
          {{"<s>", control}, {"<unk>", unknown}, {"</s>", control}, {"a", normal}});
  refused("at 0, 2, 1; expected", {{"<unk>", unknown}, {"</s>", control}, {"<s>", control}, {"a", normal}});
  refused("at 0, 1, 3; expected", {{"<unk>", unknown}, {"<s>", control}, {"a", normal}, {"</s>", control}});
  expect_error(ErrorKind::usage, {"no zebra model could be trained"}, [] {
    (void)Subword::train("zebra", 60, std::vector<std::string>{"a text", "another"});
  });
}

}  // namespace
}  // namespace tandem::data
