#include <tandem/data/formats/image.h>
#include <tandem/deploy/plain.h>
#include <tandem/deploy/rows.h>
#include <tandem/deploy/tensors.h>

#include <algorithm>

namespace tandem::deploy {
namespace {

// "text/plain; charset=utf-8" is text/plain.
std::string media_type(std::string_view type) {
  std::string out(type.substr(0, type.find(';')));
  while (out.ends_with(' ')) out.pop_back();
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_picture(std::string_view type) { return type == "image/png" || type == "image/jpeg"; }

}  // namespace

bool is_plain(std::string_view type) {
  const std::string media = media_type(type);
  return is_picture(media) || media == "text/plain" || media == "text/csv";
}

Examples read_plain(const ServedModel& model, std::string_view type, std::string_view body, Form form, int64_t most) {
  const std::string media = media_type(type);
  const tasks::Input& input = model.model().input;
  if (std::holds_alternative<tasks::ImageInput>(input) && is_picture(media))
    return {1, floats_of(read_picture_file(model, body, form).pixels)};
  if (std::holds_alternative<tasks::TextInput>(input) && media == "text/plain") {
    data::Texts texts{std::string(body)};
    check_texts(model, texts);
    return {1, std::move(texts)};
  }
  if (std::holds_alternative<tasks::TableInput>(input)) {
    if (media == "text/csv") return read_csv(model, std::string(body), most);
    if (media == "application/json") return read_row(model, body);
  }
  throw Refused(400, fmt::format("the model takes {}, not {}", kind_of(input), media));
}

void check_texts(const ServedModel& model, const data::Texts& texts) {
  try {
    (void)tasks::encode(std::get<tasks::TextInput>(model.model().input), texts);
  } catch (const Error& e) {
    throw Refused(400, e.what());
  }
}

Document document_of(const ServedModel& model, const Examples& examples, int64_t index) {
  const auto bytes_of = [](const std::string& text) { return std::vector<uint8_t>(text.begin(), text.end()); };
  if (const auto* texts = std::get_if<data::Texts>(&examples.values))
    return {"text/plain; charset=utf-8", bytes_of(texts->at(static_cast<size_t>(index)))};
  if (const auto* table = std::get_if<data::Table>(&examples.values))
    return {"application/json", bytes_of(row_json(*table, index))};
  const Shape shape = model.model().image().shape();
  Tensor picture = Tensor::empty(shape, DType::u8);
  const auto size = static_cast<size_t>(shape.numel());
  std::ranges::transform(std::span(std::get<Pixels>(examples.values)).subspan(static_cast<size_t>(index) * size, size),
                         picture.data<uint8_t>().begin(), [](float v) { return static_cast<uint8_t>(v + 0.5F); });
  return {"image/png", data::encode_png(picture)};
}

}  // namespace tandem::deploy
