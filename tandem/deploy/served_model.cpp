#include <tandem/base/checksum.h>
#include <tandem/base/denormals.h>
#include <tandem/data/catalog.h>
#include <tandem/deploy/served_model.h>
#include <tandem/nn/inference.h>
#include <tandem/people/versions.h>
#include <tandem/train/recipe.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace tandem::deploy {
namespace {

constexpr int64_t most_at_once = 256;  // as Classifier::predict does

// What stands for no value, as the recipe says; the types of the columns are the model's own.
data::TableOptions reading_of(const tasks::Classifier& model) {
  const auto* rows = std::get_if<tasks::TableInput>(&model.input);
  if (!rows) return {};
  data::TableOptions out = rows->reading();
  const auto recipe = model.notes.find("recipe");
  if (recipe == model.notes.end()) return out;
  const train::Recipe its = train::Recipe::read(Config::parse(recipe->second, "the model's recipe"));
  const data::TableSource source =
      data::table_source(its.data.source, its.data.table ? its.data.table->source : data::TableSource{});
  if (!source.missing.empty()) out.missing = source.missing;
  return out;
}

}  // namespace

std::string digest_of(const fs::path& file) { return sha256(read_file(file)).substr(0, 16); }

std::shared_ptr<const ServedModel> ServedModel::load(const fs::path& file, const std::string& name,
                                                     const std::string& version) {
  const std::shared_ptr<ServedModel> out(new ServedModel);
  out->name_ = name;
  out->digest_ = digest_of(file);
  out->model_ = tasks::Classifier::load(file);
  if (digest_of(file) != out->digest_)
    fail(ErrorKind::file, file.string(), "changed while it was read: write model files aside and rename them");
  const int64_t number = people::version_of(out->model_).number;
  out->version_ = !version.empty() ? version : std::to_string(std::max<int64_t>(1, number));
  out->ready_ = nn::for_inference(out->model_.net);
  const Sample sample = sample_for(out->model_.input);
  try {
    out->reading_ = reading_of(out->model_);
    (void)out->predict(sample.examples);
  } catch (const Error& e) {
    fail(ErrorKind::data, file.string(), "does not answer {}: {}", sample.what, e.what());
  }
  return out;
}

namespace {

tasks::Batch batch_of_pixels(const tasks::ImageInput& input, std::span<const float> pixels, int64_t rows) {
  const auto channels = static_cast<size_t>(input.channels);
  std::array<float, 4> scale{}, shift{};  // the same rounding as tasks::make_batch
  for (size_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(1.0 / input.std[c]);
    shift[c] = static_cast<float>(-input.mean[c] / input.std[c]);
  }
  Tensor x = Tensor::empty({rows, input.height, input.width, input.channels});
  const std::span<float> into = x.data<float>();
  for (size_t i = 0; i < pixels.size(); i += channels)
    for (size_t c = 0; c < channels; ++c) into[i + c] = pixels[i + c] / 255.0F * scale[c] + shift[c];
  return {x};
}

}  // namespace

// What tasks::batch_of makes of a data set with these examples.
tasks::Batch ServedModel::batch_of(const Examples& examples, int64_t first, int64_t last) const {
  if (const auto* pixels = std::get_if<Pixels>(&examples.values)) {
    const auto size = static_cast<size_t>(model_.image().shape().numel());
    return batch_of_pixels(
        model_.image(),
        std::span(*pixels).subspan(static_cast<size_t>(first) * size, static_cast<size_t>(last - first) * size),
        last - first);
  }
  std::vector<int64_t> rows(static_cast<size_t>(last - first));
  if (const auto* texts = std::get_if<data::Texts>(&examples.values)) {
    std::iota(rows.begin(), rows.end(), int64_t{0});
    const data::Texts part(texts->begin() + first, texts->begin() + last);
    const auto& input = std::get<tasks::TextInput>(model_.input);
    return tasks::pack(input, tasks::encode(input, part), rows, 0, {});
  }
  std::iota(rows.begin(), rows.end(), first);
  return {tasks::make_batch(std::get<tasks::TableInput>(model_.input), std::get<data::Table>(examples.values), rows)};
}

Answer ServedModel::predict(const Examples& examples) const {
  const FlushDenormals flush;
  Answer out;
  out.probabilities.reserve(static_cast<size_t>(examples.count * classes()));
  for (int64_t first = 0; first < examples.count; first += most_at_once) {
    const int64_t last = std::min(first + most_at_once, examples.count);
    const evaluate::Outputs outputs = model_.outputs(ready_, batch_of(examples, first, last));
    tasks::check_rows(outputs.probabilities.size(0), last - first);
    const Tensor p = model_.confidence ? model_.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
    const auto values = p.data<const float>();
    if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
      fail(ErrorKind::numeric, name_, "its answer is not finite");
    out.probabilities.insert(out.probabilities.end(), values.begin(), values.end());
    if (!model_.confidence) continue;
    const auto verdicts = model_.confidence->judge(outputs);
    out.verdicts.insert(out.verdicts.end(), verdicts.begin(), verdicts.end());
  }
  return out;
}

data::Dataset set_of(const ServedModel& served, const Examples& examples, int64_t index) {
  data::Dataset out{.inputs = {}, .labels = {0}, .classes = served.model().classes, .source = "request"};
  if (const auto* texts = std::get_if<data::Texts>(&examples.values)) {
    out.inputs = data::Texts{texts->at(static_cast<size_t>(index))};
  } else if (const auto* table = std::get_if<data::Table>(&examples.values)) {
    out.inputs = data::subset(*table, std::span(&index, 1));
  } else {
    const Shape s = served.model().image().shape();
    Tensor pixels = Tensor::empty({1, s[0], s[1], s[2]}, DType::u8);
    const auto size = static_cast<size_t>(s.numel());
    std::ranges::transform(
        std::span(std::get<Pixels>(examples.values)).subspan(static_cast<size_t>(index) * size, size),
        pixels.data<uint8_t>().begin(), [](float v) { return static_cast<uint8_t>(v + 0.5F); });
    out.inputs = pixels;
  }
  return out;
}

}  // namespace tandem::deploy
