#include <tandem/deploy/onnx/preprocess.h>

namespace tandem::deploy::onnx {
namespace {

Scope input_scope(Graph& graph) { return Scope(graph).within("input."); }

// --- pictures

// Where view `index` takes its rows and columns from: a picture of coordinates is looked at in its way.
std::pair<std::vector<int64_t>, std::vector<int64_t>> places(const tasks::Views& views, int64_t index, int64_t height,
                                                             int64_t width) {
  Tensor map = Tensor::empty({1, height, width, 2});
  for (int64_t i = 0; i < height * width; ++i) {
    map.data<float>()[static_cast<size_t>(2 * i)] = static_cast<float>(i / width);
    map.data<float>()[static_cast<size_t>(2 * i + 1)] = static_cast<float>(i % width);
  }
  const Tensor seen = views.of(map, index);
  std::pair<std::vector<int64_t>, std::vector<int64_t>> out;
  for (int64_t y = 0; y < height; ++y) out.first.push_back(static_cast<int64_t>(seen.at(y * width * 2)));
  for (int64_t x = 0; x < width; ++x) out.second.push_back(static_cast<int64_t>(seen.at(x * 2 + 1)));
  return out;
}

Flow pictures(Graph& graph, const tasks::ImageInput& input, const tasks::Views& views) {
  const Scope s = input_scope(graph);
  const Value pixels = graph.input("image", Type::u8, {"batch", input.height, input.width, input.channels});
  std::vector<Value> seen;
  for (int64_t view = 0; view < views.count(); ++view) {
    if (view == 0) {
      seen.push_back(pixels);
      continue;
    }
    const auto [rows, columns] = places(views, view, input.height, input.width);
    const Value moved = s.add("Gather", {pixels, s.list(rows)}, {{"axis", int64_t{1}}});
    seen.push_back(s.add("Gather", {moved, s.list(columns)}, {{"axis", int64_t{2}}}));
  }
  const Value all = seen.size() == 1 ? seen[0] : s.add("Concat", seen, {{"axis", int64_t{0}}});
  // (pixel / 255 - mean) / std
  Tensor mean = Tensor::empty({input.channels}), std = Tensor::empty({input.channels});
  for (size_t c = 0; c < input.mean.size(); ++c) {
    mean.data<float>()[c] = static_cast<float>(255 * input.mean[c]);
    std.data<float>()[c] = static_cast<float>(255 * input.std[c]);
  }
  const Value centred = s.add("Sub", {s.cast(all, Type::f32), s.tensor("mean", mean)});
  return {s.add("Div", {centred, s.tensor("std", std)}), Layout::images};
}

}  // namespace

Flow write_tokens(Graph& graph) {
  return {graph.input("tokens", Type::i64, {"batch", "time"}), Layout::sequences, lengths_input};
}

Flow write_input(Graph& graph, const tasks::Input& input, const tasks::Views& views) {
  if (const auto* image = std::get_if<tasks::ImageInput>(&input)) return pictures(graph, *image, views);
  if (const auto* table = std::get_if<tasks::TableInput>(&input)) return write_rows(graph, *table);
  return write_tokens(graph);
}

}  // namespace tandem::deploy::onnx
