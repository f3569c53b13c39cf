#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/data/formats/image.h>
#include <tandem/deploy/sight.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/people/versions.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr int64_t most_maps = 64, most_values = 512, most_neighbours = 6;

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string png(const Tensor& pixels) { return evaluate::base64(data::encode_png(pixels)); }

// One picture as a set. Labels are not looked at.
data::Dataset set_of(const tasks::Classifier& model, const Tensor& pixels) {
  const Shape& s = pixels.shape();
  return {.inputs = pixels.view({1, s[0], s[1], s[2]}), .labels = {0}, .classes = model.classes, .source = "request"};
}

json row_of(const std::string& name, const std::string& kind, const Shape& shape, int64_t parameters) {
  json sizes = json::array();
  for (const int64_t size : shape) sizes.push_back(size);
  return {{"name", name}, {"kind", kind}, {"shape", sizes}, {"parameters", parameters}};
}

// Adds the first numbers of `x` (1, …) as bytes: maps one after another where it is a picture.
void show(json& row, const Tensor& x) {
  const bool picture = x.rank() == 4;
  const int64_t channels = picture ? x.size(3) : x.numel(), places = picture ? x.size(1) * x.size(2) : 1;
  const int64_t shown = std::min(channels, picture ? most_maps : most_values);
  const auto values = x.data<const float>();
  const auto [low, high] = std::ranges::minmax(values);
  const float scale = high > low ? 255.0F / (high - low) : 0.0F;
  std::vector<uint8_t> bytes;
  for (int64_t c = 0; c < shown; ++c)
    for (int64_t at = 0; at < places; ++at)
      bytes.push_back(static_cast<uint8_t>((values[static_cast<size_t>(at * channels + c)] - low) * scale + 0.5F));
  row["shown"] = shown;
  row["map"] = evaluate::base64(bytes);
}

}  // namespace

std::string look(const ServedModel& served, const Picture& picture, const Answer& answer) {
  const tasks::Classifier& model = served.model();
  const int32_t best = model.answer(answer.probabilities);
  json out{{"version", people::version_of(model).number},
           {"label", model.classes[static_cast<size_t>(best)]},
           {"probability", answer.probabilities[static_cast<size_t>(best)]},
           {"probabilities", answer.probabilities},
           {"set", json::array()},
           {"coverage", 0},
           {"why", "answered"},
           {"least", 0},
           {"strangeness", 0}};
  if (!answer.verdicts.empty()) {
    const evaluate::Verdict& verdict = answer.verdicts[0];
    for (const int32_t c : verdict.set) out["set"].push_back(model.classes[static_cast<size_t>(c)]);
    out["coverage"] = model.confidence->options().coverage;
    if (verdict.deferred()) out["why"] = evaluate::reason_of(verdict.why);
    out["least"] = model.confidence->least_probability();
    out["strangeness"] = verdict.strangeness;
  }
  out["picture"] = png(picture.pixels);
  out["frame"] = {{"left", picture.left}, {"top", picture.top}, {"width", picture.width}, {"height", picture.height}};
  return text_of(out);
}

std::string network(const ServedModel& served) {
  tasks::Classifier model = served.model();
  const auto rows = train::layer_rows(model.net);
  json out = json::array();
  for (size_t i = 0; i < rows.size(); ++i)
    out.push_back(row_of(rows[i].name, rows[i].kind, model.net.shapes().at(i), rows[i].parameters));
  return text_of(out);
}

std::string activations(const ServedModel& served, const Picture& picture) {
  const NoGrad off;
  const FlushDenormals flush;
  tasks::Classifier model = served.model();
  const auto rows = train::layer_rows(model.net);
  nn::Pass pass;
  const int64_t first = 0;
  Tensor x = tasks::make_batch(model.image(), set_of(model, picture.pixels), std::span(&first, 1), {}, {});
  json out = json::array();
  out.push_back(row_of("", "input", model.image().shape(), 0));
  show(out.back(), x);
  for (size_t i = 0; i < rows.size(); ++i) {
    x = model.net.layers()[i]->forward(x, pass);
    json row = row_of(rows[i].name, rows[i].kind, model.net.shapes().at(i), rows[i].parameters);
    const std::string kind = model.net.layers()[i]->kind();
    if (kind == "flatten" || kind == "dropout")
      row["shown"] = 0, row["map"] = "";
    else
      show(row, x);
    out.push_back(std::move(row));
  }
  return text_of(out);
}

Resemblance::Resemblance(const ServedModel& model, std::shared_ptr<const people::Memory> memory)
    : model_(model.model()), memory_(std::move(memory)), neighbours_(model_, memory_->replay) {}

std::string Resemblance::similar(const Picture& picture) const {
  tasks::Classifier model = model_;
  const Tensor features = model.outputs(set_of(model, picture.pixels)).features;
  const data::Dataset& known = memory_->replay;
  const Shape& s = known.pixels().shape();
  json out = json::array();
  for (const auto& n : neighbours_.nearest(features.data<const float>(), most_neighbours))
    out.push_back({{"picture", png(known.pixels().rows(n.index, n.index + 1).view({s[1], s[2], s[3]}))},
                   {"label", known.classes[static_cast<size_t>(n.label)]},
                   {"similarity", n.similarity}});
  return text_of(out);
}

}  // namespace tandem::deploy
