#include <tandem/tasks/input.h>

#include <numeric>

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
  f("brightness", image.brightness, {0, 1});
  f("contrast", image.contrast, {0, 1});
  f("saturation", image.saturation, {0, 1});
  f("hue", image.hue, {0, 180});
  f("rand_augment", image.rand_augment);
  mixing.fields(f);
  f("words", words, {0, 0.9});
}

std::string task_of(const Input& input) {
  if (std::holds_alternative<TextInput>(input)) return "text_classification";
  return std::holds_alternative<TableInput>(input) ? "table_classification" : "image_classification";
}

Input input_for(const std::string& task, const std::string& where) {
  if (task == "image_classification") return ImageInput{};
  if (task == "text_classification") return TextInput{};
  if (task == "table_classification") return TableInput{};
  fail(ErrorKind::data, where,
       "holds a model for '{}', expected image_classification, text_classification or table_classification{}", task,
       task == "language_model" ? ": this one writes, ask it with tandem generate"
       : task == "translation"  ? ": this one writes, ask it with tandem translate"
                                : "");
}

Shape shape_of(const Input& input) {
  return std::visit([](const auto& in) { return in.shape(); }, input);
}

int64_t vocabulary_of(const Input& input) {
  const auto* text = std::get_if<TextInput>(&input);
  return text ? text->tokenizer.size() : 0;
}

Batch batch_of(const Input& input, const data::Dataset& set, std::span<const int64_t> indices,
               const Augmentation& augmentation, const Rng& rng) {
  if (const auto* pictures = std::get_if<ImageInput>(&input))
    return {make_batch(*pictures, set, indices, augmentation.image, rng)};
  if (const auto* rows = std::get_if<TableInput>(&input)) {
    Batch out{make_batch(*rows, set.table(), indices)};
    if (augmentation.image.noise > 0) add_noise(*rows, augmentation.image.noise, indices, rng, out.x);
    return out;
  }
  const data::Dataset chosen = data::subset(set, indices);
  std::vector<int64_t> all(indices.size());
  std::iota(all.begin(), all.end(), 0);
  const auto& texts = std::get<TextInput>(input);
  return pack(texts, encode(texts, chosen.texts()), all, augmentation.words, rng);
}

std::vector<std::pair<std::string, Tensor>> tensors_of(const Input& input) {
  const auto* text = std::get_if<TextInput>(&input);
  return text ? text->tensors() : std::vector<std::pair<std::string, Tensor>>{};
}

Config write(const Input& input) {
  return std::visit(
      [](const auto& in) {
        auto copy = in;
        return Fields::write(copy);
      },
      input);
}

void read(Input& input, const Config& config, std::vector<std::pair<std::string, Tensor>>& tensors,
          const std::string& where) {
  std::visit(
      [&](auto& in) {
        Fields::read(config, in, "input");
        in.check(where);
      },
      input);
  if (auto* text = std::get_if<TextInput>(&input)) {
    text->restore(tensors, where);
    std::erase_if(tensors, [](const auto& named) { return is_text_tensor(named.first); });
  }
}

}  // namespace tandem::tasks
