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

}  // namespace tandem::deploy
