// Tensors that are mostly zeros: the same after the file, in less room, and refused when their parts do not fit.
#include <tandem/base/random.h>
#include <tandem/tensor/sparse.h>

#include <cstring>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

/// About `share` of n numbers, the others zero.
Tensor some(const Shape& shape, double share, DType type = DType::f32) {
  Rng rng(1, "sparse");
  Tensor out = Tensor::zeros(shape);
  for (float& value : out.data<float>())
    if (rng.chance(share)) value = static_cast<float>(1 + rng.below(100));
  return out.to(type);
}

TensorFile mixed() {
  return {{{"dense", some({20}, 1)},
           {"a.weight", some({7, 15, 15}, 0.2)},
           {"ids", Tensor::zeros({100}, DType::i32)},
           {"b.weight", some({99, 11}, 0.2, DType::i8)},
           {"half", some({1000}, 0.5)},
           {"nothing", Tensor::zeros({777})},
           {"one", Tensor::zeros({1})}},
          {{"note", "kept"}}};
}

TEST(Sparse, IsTheSameAfterTheFileInLessRoom) {
  const TensorFile before = mixed();
  TensorFile file = before;
  compact(file);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file.tensors) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"dense", "a.weight.mask", "a.weight.values", "ids", "b.weight.mask",
                                             "b.weight.values", "half", "nothing.mask", "nothing.values", "one"}))
      << "what would save less than half stays, and what is small";
  EXPECT_EQ(file.find("a.weight.mask").numel(), 197) << "1,575 bits";
  EXPECT_LT(format_safetensors(file).size(), format_safetensors(before).size());
  TensorFile read = parse_safetensors(format_safetensors(file), "file");
  expand(read, "file");
  ASSERT_EQ(read.tensors.size(), before.tensors.size());
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    const auto& [name, want] = before.tensors[i];
    const auto& [got_name, got] = read.tensors[i];
    EXPECT_EQ(got_name, name);
    ASSERT_EQ(got.shape(), want.shape());
    ASSERT_EQ(got.dtype(), want.dtype());
    EXPECT_EQ(std::memcmp(got.bytes(), want.bytes(), want.byte_count()), 0) << name;
  }
  EXPECT_EQ(read.metadata, before.metadata);
}

TEST(Sparse, LeavesAFileWithoutSuchTensorsAlone) {
  const TensorFile before{{{"dense", some({20}, 1)}}, {{"note", "kept"}}};
  TensorFile file = before;
  compact(file);
  EXPECT_EQ(format_safetensors(file), format_safetensors(before));
  expand(file, "file");
  EXPECT_EQ(format_safetensors(file), format_safetensors(before));
}

TEST(Sparse, RefusesPartsThatDoNotFit) {
  const auto refused = [](const std::vector<std::string>& parts, const std::function<void(TensorFile&)>& spoil) {
    SCOPED_TRACE(parts.front());
    TensorFile file{{{"w", some({7, 45}, 0.2)}}, {}};
    compact(file);
    ASSERT_TRUE(file.find("w.mask").defined());
    spoil(file);
    expect_error(ErrorKind::data, parts, [&] { expand(file, "m.safetensors"); });
  };
  const auto shapes = [](const char* text) { return [text](TensorFile& f) { f.metadata.at("tandem.sparse") = text; }; };
  const auto put = [](size_t i, const Tensor& tensor) {
    return [i, tensor](TensorFile& f) { f.tensors[i].second = tensor; };
  };
  refused({"m.safetensors", "list of sparse tensors cannot be read", "(sparse):1"}, shapes("{w: [7"));
  refused({"list of sparse tensors is none", "names with shapes"}, shapes("w"));
  refused({"'w' has an impossible shape", "-1"}, shapes("{w: [7, -15]}"));
  refused({"'w' has an impossible shape"}, shapes("{w: [7, 15x]}"));
  refused({"'w' has an impossible shape"}, shapes("{w: [4611686018427387904, 4]}"));
  refused({"'w' has an impossible shape"}, shapes("{w: [1, 1, 1, 1, 1, 7, 15]}"));
  refused({"'w' of shape (7, 47) has a mask of 40 bytes in uint8, expected 42"}, shapes("{w: [7, 47]}"));
  refused({"'w' of shape (1000000, 1000000) has a mask of 40 bytes in uint8, expected 125000000000"},
          shapes("{w: [1000000, 1000000]}"));
  refused({"'v' of shape (7, 45) has no '.mask' or no '.values'"}, shapes("{v: [7, 45]}"));
  refused({"'w' of shape (7, 45)", "one for each bit"}, put(1, Tensor::zeros({3})));
  refused({"'w' of shape (7, 45) has values of int32, expected float32 or int8"},
          put(1, Tensor::zeros({3}, DType::i32)));
  refused({"has a mask of 160 bytes in int32"}, put(0, Tensor::zeros({40}, DType::i32)));
  refused({"has a mask with bit 315, behind its last element"},
          [](TensorFile& f) { f.tensors[0].second.data<uint8_t>()[39] |= 8; });
  refused({"'w' stands there twice: whole, and sparse"}, [](TensorFile& f) {
    f.tensors.emplace_back("w", Tensor::zeros({7, 45}));
  });
  refused({"has no '.mask' or no '.values'"}, [](TensorFile& f) { f.tensors.pop_back(); });
}

}  // namespace
}  // namespace tandem::testing
