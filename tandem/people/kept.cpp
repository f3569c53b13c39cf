#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/data/text/unicode.h>
#include <tandem/people/kept.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace tandem::people {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* text_type = "text/plain; charset=utf-8";
constexpr const char* row_type = "application/json";

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

std::string row_of(const tasks::TableInput& input, const data::Table& table, int64_t row) {
  json out = json::object();
  for (const auto& [name, size] : input.parts()) {
    const data::Column& column = table.columns[static_cast<size_t>(table.column(name))];
    out[name] = column.is_missing(row) ? json(nullptr) : json(column.text(row));
  }
  return out.dump();
}

std::optional<data::Table> table_of(const tasks::TableInput& input, const std::vector<uint8_t>& bytes,
                                    const std::string& where) {
  const json row = json::parse(bytes, nullptr, false);
  if (!row.is_object()) fail(ErrorKind::data, where, "was kept as {}, but is no JSON object", row_type);
  const data::TableOptions reading = input.reading();
  data::Table out{.columns = {}, .lines = {1}, .source = where};
  for (const auto& [name, size] : input.parts()) {
    if (!row.contains(name)) return std::nullopt;
    const json& value = row[name];
    if (!value.is_null() && !value.is_string())
      fail(ErrorKind::data, where, "has {} in column '{}', expected text or null", value.dump(), name);
    data::Column column{.name = name, .type = reading.types.at(name), .missing = value.is_null() ? 1 : 0};
    const std::string text = value.is_null() ? "" : value.get<std::string>();
    if (column.numeric()) {
      double number = std::numeric_limits<double>::quiet_NaN();
      const bool date = column.type == data::ColumnType::date;
      if (date) number = data::parse_date(text);
      if (!value.is_null() && (date ? std::isnan(number) : !data::parse_number(text, number)))
        fail(ErrorKind::data, where, "has '{}' in column '{}', which holds {}s", text, name,
             data::name_of(column.type));
      column.numbers = {number};
    } else {
      column.words = {text};
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

}  // namespace

Kept kept(const tasks::Input& input, const data::Dataset& set, int64_t index) {
  if (std::holds_alternative<tasks::TextInput>(input))
    return {text_type, bytes_of(set.texts().at(static_cast<size_t>(index)))};
  if (const auto* rows = std::get_if<tasks::TableInput>(&input))
    return {row_type, bytes_of(row_of(*rows, set.table(), index))};
  const Shape& s = set.pixels().shape();
  return {"image/png", data::encode_png(set.pixels().rows(index, index + 1).view({s[1], s[2], s[3]}))};
}

std::optional<data::Dataset> example_of(const tasks::Classifier& model, const Kept& kept, const std::string& where) {
  data::Dataset out{.inputs = {}, .labels = {0}, .classes = model.classes, .source = where};
  if (std::holds_alternative<tasks::TextInput>(model.input)) {
    if (!kept.media_type.starts_with("text/plain")) return std::nullopt;
    std::string text(kept.bytes.begin(), kept.bytes.end());
    data::check_utf8(text, where);
    out.inputs = data::Texts{std::move(text)};
  } else if (const auto* rows = std::get_if<tasks::TableInput>(&model.input)) {
    if (!kept.media_type.starts_with(row_type)) return std::nullopt;
    auto table = table_of(*rows, kept.bytes, where);
    if (!table) return std::nullopt;
    out.inputs = std::move(*table);
  } else {
    if (!kept.media_type.starts_with("image/")) return std::nullopt;
    const tasks::ImageInput& input = model.image();
    const Tensor picture =
        data::resize(data::decode_image(kept.bytes, input.channels, where), input.height, input.width);
    out.inputs = picture.view(picture.shape().inserted(0, 1));
  }
  return out;
}

}  // namespace tandem::people
