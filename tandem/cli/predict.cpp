#include <tandem/cli/verbs.h>
#include <tandem/data/folder.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/evaluate/report.h>
#include <tandem/train/run.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, format = "table";
  std::vector<std::string> inputs;
  bool invert = false;
};

struct Named {
  std::string name;
  std::vector<uint8_t> bytes;
};

// Files as they were named; folders give their pictures in order of name; `-` is standard input.
std::vector<std::string> expand(const std::vector<std::string>& inputs) {
  std::vector<std::string> out;
  for (const std::string& input : inputs) {
    if (input == "-" || !fs::is_directory(input)) {
      out.push_back(input);
      continue;
    }
    std::vector<std::string> inside;
    std::error_code error, dangling;
    for (fs::recursive_directory_iterator at(input, error), end; !error && at != end; at.increment(error)) {
      std::string ending = at->path().extension().string();
      std::ranges::transform(ending, ending.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if ((ending == ".png" || ending == ".jpg" || ending == ".jpeg") && at->is_regular_file(dangling))
        inside.push_back(at->path().string());
    }
    if (error) fail(ErrorKind::file, input, "cannot be read to its end: {}", error.message());
    if (inside.empty()) fail(ErrorKind::data, input, "holds no .png, .jpg or .jpeg file");
    std::ranges::sort(inside);
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
}

std::vector<uint8_t> read_input(const std::string& name) {
  if (name != "-") return read_file(name, uint64_t{1} << 30);
  std::vector<uint8_t> bytes;
  uint8_t piece[65536];
  for (ssize_t got = 0; (got = ::read(STDIN_FILENO, piece, sizeof piece)) > 0;)
    bytes.insert(bytes.end(), piece, piece + got);
  return bytes;
}

std::string padded(const std::string& text, int64_t width) {
  return text + std::string(static_cast<size_t>(std::max<int64_t>(0, width - evaluate::display_width(text))), ' ');
}

std::string csv_field(const std::string& text) {  // RFC 4180
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

int run(const Options& o) {
  tasks::ImageModel model = tasks::ImageModel::load(train::model_path(o.model));
  const std::vector<std::string> names = expand(o.inputs);
  data::ImageSet set;
  set.classes = model.classes;
  set.labels.assign(names.size(), 0);
  set.pixels = Tensor::empty(
      {static_cast<int64_t>(names.size()), model.input.height, model.input.width, model.input.channels}, DType::u8);
  for (size_t i = 0; i < names.size(); ++i) {
    Tensor image =
        data::decode_image(read_input(names[i]), model.input.channels, names[i] == "-" ? "standard input" : names[i]);
    if (o.invert)
      std::ranges::transform(image.data<uint8_t>(), image.data<uint8_t>().begin(),
                             [](uint8_t v) { return static_cast<uint8_t>(255 - v); });
    image = data::resize(image, model.input.height, model.input.width);
    std::memcpy(set.pixels.data<uint8_t>().data() + i * image.byte_count(), image.bytes(), image.byte_count());
  }
  const std::vector<float> probabilities = model.predict(set);
  const size_t classes = model.classes.size();

  int64_t wide = 5, label = 0;
  for (const auto& name : names) wide = std::max(wide, evaluate::display_width(name));
  for (const auto& name : model.classes) label = std::max(label, evaluate::display_width(name));
  if (o.format == "csv") {
    fmt::print("input,label,probability");
    for (const auto& name : model.classes) fmt::print(",{}", csv_field("p:" + name));
    fmt::print("\n");
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto row = std::span(probabilities).subspan(i * classes, classes);
    std::vector<size_t> order(classes);
    for (size_t c = 0; c < classes; ++c) order[c] = c;
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return row[a] > row[b]; });
    const size_t best = order[0];
    if (o.format == "json") {
      nlohmann::ordered_json all;
      for (size_t c = 0; c < classes; ++c) all[model.classes[c]] = row[c];
      list.push_back(
          {{"input", names[i]}, {"label", model.classes[best]}, {"probability", row[best]}, {"probabilities", all}});
    } else if (o.format == "csv") {
      fmt::print("{},{},{:.6f}", csv_field(names[i]), csv_field(model.classes[best]), row[best]);
      for (const float p : row) fmt::print(",{:.6f}", p);
      fmt::print("\n");
    } else {
      std::string next;
      for (size_t c = 1; c < std::min<size_t>(3, classes); ++c)
        next += fmt::format("{}{} {:.1f} %", c > 1 ? ", " : "", model.classes[order[c]], 100 * row[order[c]]);
      fmt::print("{}  {}  {:5.1f} %   then {}\n", padded(names[i], wide), padded(model.classes[best], label),
                 100 * row[best], next);
    }
  }
  if (o.format == "json") fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace

void add_predict(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("predict", "Say what pictures show");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("inputs", o->inputs, "Pictures (PNG, JPEG), folders of them, or - for standard input")->required();
  verb->add_option("--format", o->format, "How to print")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  verb->add_flag_callback(
      "--json", [o] { o->format = "json"; }, "The same as --format json");
  verb->add_flag("--invert", o->invert,
                 "Swap dark and light: for dark ink on white paper with a network of light ink on black");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
