#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/data/formats/image.h>
#include <tandem/deploy/plain.h>
#include <tandem/deploy/sight.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/nn/weights.h>
#include <tandem/people/kept.h>
#include <tandem/people/versions.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr int64_t most_maps = 64, most_values = 512, most_neighbours = 6;
constexpr int64_t most_tokens = 96, most_width = 256;

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string png(const Tensor& pixels) { return evaluate::base64(data::encode_png(pixels)); }

json row_of(const std::string& name, const std::string& kind, const Shape& shape, int64_t parameters) {
  json sizes = json::array();
  for (const int64_t size : shape) sizes.push_back(size);
  return {{"name", name}, {"kind", kind}, {"shape", sizes}, {"parameters", parameters}, {"shown", 0}, {"map", ""}};
}

// Adds the first numbers of what one example became: (1, h, w, c) maps one after another, (tokens, width) a token after
// another, (1, …) values.
void show(json& row, const Tensor& x) {
  const bool picture = x.rank() == 4, tokens = x.rank() == 2 && x.size(0) > 1;
  const auto values = x.data<const float>();
  const auto ends = std::ranges::minmax(values);
  const float scale = ends.max > ends.min ? 255.0F / (ends.max - ends.min) : 0.0F;
  std::vector<uint8_t> bytes;
  const auto add = [&](int64_t at) {
    bytes.push_back(static_cast<uint8_t>((values[static_cast<size_t>(at)] - ends.min) * scale + 0.5F));
  };
  if (tokens) {
    const int64_t shown = std::min(x.size(0), most_tokens), width = std::min(x.size(1), most_width);
    for (int64_t t = 0; t < shown; ++t)
      for (int64_t i = 0; i < width; ++i) add(t * x.size(1) + i);
    row["shape"] = {x.size(0), x.size(1)};
    row["shown"] = shown;
    row["width"] = width;
  } else {
    const int64_t channels = picture ? x.size(3) : x.numel(), places = picture ? x.size(1) * x.size(2) : 1;
    const int64_t shown = std::min(channels, picture ? most_maps : most_values);
    for (int64_t c = 0; c < shown; ++c)
      for (int64_t at = 0; at < places; ++at) add(at * channels + c);
    row["shown"] = shown;
  }
  row["map"] = evaluate::base64(bytes);
}

json input_row(const tasks::Classifier& model, const tasks::Batch& batch) {
  json out = row_of("", "input", tasks::shape_of(model.input), 0);
  const auto* text = std::get_if<tasks::TextInput>(&model.input);
  if (!text) {
    show(out, batch.x);
    return out;
  }
  const auto ids = batch.x.data<const int32_t>();
  out["shape"] = {std::ssize(ids)};
  out["tokens"] = json::array();
  for (const int32_t id : ids.first(std::min(ids.size(), static_cast<size_t>(most_tokens))))
    out["tokens"].push_back(data::repaired_utf8(text->tokenizer.piece(id)));
  return out;
}

bool hands_on(const std::string& kind) { return kind == "flatten" || kind == "dropout"; }

}  // namespace

Sent read_sent(const ServedModel& model, const Request& request) {
  const tasks::Input& input = model.model().input;
  const Form form = form_of(request.parameter("form"));
  const std::string& type = request.header("content-type");
  if (std::holds_alternative<tasks::ImageInput>(input) && (type.empty() || type.starts_with("image/"))) {
    Picture picture = read_picture_file(model, request.body, form);
    Examples examples{1, floats_of(picture.pixels)};
    return {std::move(examples), std::move(picture)};
  }
  return {read_plain(model, type, request.body, form, 1)};
}

std::string look(const ServedModel& served, const Sent& sent, const Answer& answer) {
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
  if (const auto& p = sent.picture) {
    out["picture"] = png(p->pixels);
    out["frame"] = {{"left", p->left}, {"top", p->top}, {"width", p->width}, {"height", p->height}};
  }
  return text_of(out);
}

std::string network(nn::Sequential net) {
  json out = json::array();
  if (net.shapes().size() == net.layers().size()) {
    const auto rows = train::layer_rows(net);
    for (size_t i = 0; i < rows.size(); ++i)
      out.push_back(row_of(rows[i].name, rows[i].kind, net.shapes()[i], rows[i].parameters));
  } else {  // laid out for inference: shapes are forgotten
    for (const auto& layer : net.layers())
      out.push_back(row_of(std::to_string(out.size()), layer->kind(), {}, nn::count(*layer).trained));
  }
  return text_of(out);
}

std::string activations(const ServedModel& served, const Examples& examples) {
  const NoGrad off;
  const FlushDenormals flush;
  tasks::Classifier model = served.model();
  const auto rows = train::layer_rows(model.net);
  const int64_t first = 0;
  const tasks::Batch batch = tasks::batch_of(model.input, set_of(served, examples), std::span(&first, 1), {}, {});
  nn::Pass pass;
  pass.lengths = batch.lengths;
  Tensor x = batch.x;
  json out = json::array({input_row(model, batch)});
  for (size_t i = 0; i < rows.size(); ++i) {
    x = model.net.layers()[i]->forward(x, pass);
    json row = row_of(rows[i].name, rows[i].kind, model.net.shapes().at(i), rows[i].parameters);
    if (!hands_on(model.net.layers()[i]->kind())) show(row, x);
    out.push_back(std::move(row));
  }
  return text_of(out);
}

Resemblance::Resemblance(const ServedModel& model, std::shared_ptr<const people::Memory> memory)
    : model_(model.model()), memory_(std::move(memory)), neighbours_(model_, memory_->replay) {}

std::string Resemblance::similar(const ServedModel& served, const Examples& examples) const {
  tasks::Classifier model = model_;
  const Tensor features = model.outputs(set_of(served, examples)).features;
  const data::Dataset& known = memory_->replay;
  json out = json::array();
  for (const auto& n : neighbours_.nearest(features.data<const float>(), most_neighbours)) {
    json row{{"label", known.classes[static_cast<size_t>(n.label)]}, {"similarity", n.similarity}};
    const people::Kept kept = people::kept(model.input, known, n.index);
    if (kept.media_type == "application/json")
      row["row"] = json::parse(kept.bytes);
    else if (kept.media_type == "image/png")
      row["picture"] = evaluate::base64(kept.bytes);
    else
      row["text"] = std::string(kept.bytes.begin(), kept.bytes.end());
    out.push_back(std::move(row));
  }
  return text_of(out);
}

}  // namespace tandem::deploy
