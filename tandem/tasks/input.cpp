#include <tandem/tasks/input.h>

namespace tandem::tasks {

void Augmentation::fields(Fields& f) {
  f("shift", image.shift, {0, 1e4});
  f("rotate", image.rotate, {0, 180});
  f("scale", image.scale, {0, 0.99});
  f("shear", image.shear, {0, 89});
  f("elastic", image.elastic, {0, 1e3});
  f("elastic_smooth", image.elastic_smooth, {0.1, 1e3});
  f("noise", image.noise, {0, 10});
  f("crop", image.crop, {0, 1e4});
  f("flip", image.flip);
  f("erase", image.erase, {0, 1e4});
}

std::string task_of(const Input& input) {
  return std::holds_alternative<TableInput>(input) ? "table_classification" : "image_classification";
}

Input input_for(const std::string& task, const std::string& where) {
  if (task == "image_classification") return ImageInput{};
  if (task == "table_classification") return TableInput{};
  fail(ErrorKind::data, where, "holds a model for '{}', expected image_classification or table_classification", task);
}

Shape shape_of(const Input& input) {
  return std::visit([](const auto& in) { return in.shape(); }, input);
}

Batch batch_of(const Input& input, const data::Dataset& set, std::span<const int64_t> indices,
               const Augmentation& augmentation, const Rng& rng) {
  if (const auto* rows = std::get_if<TableInput>(&input)) return {make_batch(*rows, set.table(), indices)};
  return {make_batch(std::get<ImageInput>(input), set, indices, augmentation.image, rng)};
}

Config write(const Input& input) {
  return std::visit(
      [](const auto& in) {
        auto copy = in;
        return Fields::write(copy);
      },
      input);
}

void read(Input& input, const Config& config, const std::string& where) {
  std::visit(
      [&](auto& in) {
        Fields::read(config, in, "input");
        in.check(where);
      },
      input);
}

}  // namespace tandem::tasks
