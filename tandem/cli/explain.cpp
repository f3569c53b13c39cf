#include <tandem/base/text.h>
#include <tandem/cli/explain.h>
#include <tandem/cli/pictures.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/formats/image.h>
#include <tandem/evaluate/report.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace tandem::cli {

int64_t class_index(const tasks::Classifier& model, const std::string& name) {
  if (name.empty()) return -1;
  const auto found = std::ranges::find(model.classes, name);
  if (found == model.classes.end()) fail("--target", "'{}' is no class of this network: {}", name, join(model.classes));
  return found - model.classes.begin();
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

data::Dataset training_data(const tasks::Classifier& model, const ExplainOptions& o) {
  if (!model.notes.contains("recipe"))
    fail(ErrorKind::data, o.model, "holds no recipe, so its training data is not known: choose another method");
  const train::Recipe recipe = train::Recipe::read(Config::parse(model.notes.at("recipe"), o.model + " (recipe)"));
  return train::prepare(recipe, data::data_folder(o.data)).train;
}

std::string bar(double value, double largest) {
  constexpr double widest = 24;
  const auto length = static_cast<int>(std::lround(widest * std::abs(value) / std::max(std::abs(largest), 1e-12)));
  std::string out;
  for (int i = 0; i < length; ++i) out += value < 0 ? "░" : "█";
  return out;
}

std::vector<std::vector<people::Neighbours::Neighbour>> nearest_to(tasks::Classifier& model, const data::Dataset& known,
                                                                   const data::Dataset& asked, int64_t count) {
  say(fmt::format("reading {} training {}", grouped(known.size()), data::kind_of(known.inputs)));
  const people::Neighbours neighbours(model, known);
  const Tensor features = model.outputs(asked).features;
  std::vector<std::vector<people::Neighbours::Neighbour>> out;
  for (int64_t i = 0; i < asked.size(); ++i)
    out.push_back(neighbours.nearest(features.rows(i, i + 1).data<const float>(), count));
  return out;
}

nlohmann::ordered_json json_of(const std::vector<people::Neighbours::Neighbour>& alike,
                               const tasks::Classifier& model) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& n : alike)
    out.push_back(
        {{"index", n.index}, {"label", model.classes[static_cast<size_t>(n.label)]}, {"similarity", n.similarity}});
  return out;
}

void print_json(const nlohmann::ordered_json& list) {
  fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

namespace {

constexpr int64_t picture_side = 280;  // pixels of each panel that is written
Tensor picture_at(const data::Dataset& set, int64_t index) {
  return set.pixels().rows(index, index + 1).view(set.pixels().shape().without(0));
}

/// The picture itself, as large as its overlay.
Tensor plain(const Tensor& picture) {
  const Tensor rgb = data::with_channels(picture, 3);
  const int64_t h = rgb.size(0), w = rgb.size(1);
  const int64_t zoom = std::max<int64_t>(1, (picture_side + std::max(h, w) - 1) / std::max(h, w));
  Tensor out = Tensor::empty({h * zoom, w * zoom, 3}, DType::u8);
  const auto from = rgb.data<uint8_t>(), into = out.data<uint8_t>();
  for (size_t i = 0; i < into.size(); ++i) {
    const auto pixel = static_cast<int64_t>(i / 3), line = w * zoom;
    into[i] = from[static_cast<size_t>((pixel / line / zoom * w + pixel % line / zoom) * 3) + i % 3];
  }
  return out;
}

/// "a/b/seven.png" -> "seven"; equal names get a number.
std::vector<std::string> stems_of(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const std::string stem = name == "-" ? "input" : fs::path(name).stem().string();
    std::string unique = stem;
    for (int n = 2; std::ranges::find(out, unique) != out.end(); ++n) unique = fmt::format("{}-{}", stem, n);
    out.push_back(unique);
  }
  return out;
}

/// One picture: its map, written as PICTURE-METHOD.png, and its line.
nlohmann::ordered_json explain_one(const tasks::Classifier& model, const Tensor& picture, const ExplainOptions& o,
                                   const fs::path& file) {
  const people::Explanation e = people::explain(
      model, picture, {.method = o.method, .target = class_index(model, o.target), .samples = o.samples});
  write_file(file, data::encode_png(people::beside({plain(picture), people::overlay(picture, e.map, picture_side)})));
  nlohmann::ordered_json out{{"method", e.method},         {"target", model.classes[static_cast<size_t>(e.target)]},
                             {"output", number(e.output)}, {"black_output", number(e.black_output)},
                             {"gap", number(e.gap)},       {"picture", file.string()}};
  if (o.check) {
    const auto ranking = people::ranking_of(e.map);
    const people::Faithfulness f =
        people::faithfulness(people::score_of(model, e.target), people::input_of(model, picture),
                             people::black_input(model), ranking, picture.size(2));
    out["deletion"] = f.deletion_area;
    out["insertion"] = f.insertion_area;
  }
  return out;
}

int explain_pictures(tasks::Classifier& model, const ExplainOptions& o) {
  const auto [names, set] = read_pictures(model, o.inputs, o.invert);
  const std::vector<float> probabilities = model.predict(set);
  const std::vector<std::string> stems = stems_of(names);
  const size_t classes = model.classes.size();
  make_folder(o.out);

  const bool nearest = o.method == nearest_method;
  const data::Dataset known = nearest ? training_data(model, o) : data::Dataset{};
  const auto alike = nearest ? nearest_to(model, known, set, o.count) : decltype(nearest_to(model, known, set, 0)){};

  int64_t wide = 5;
  for (const auto& name : names) wide = std::max(wide, evaluate::display_width(name));
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const auto row = std::span(probabilities).subspan(i * classes, classes);
    const auto best = static_cast<size_t>(model.answer(row));
    const Tensor picture = picture_at(set, index);
    const fs::path file = fs::path(o.out) / fmt::format("{}-{}.png", stems[i], o.method);
    nlohmann::ordered_json entry{{"input", names[i]}, {"label", model.classes[best]}, {"probability", row[best]}};
    std::string line =
        fmt::format("{}  {}  {:5.1f} %   ", padded(names[i], wide), model.classes[best], 100 * row[best]);
    if (nearest) {
      std::vector<Tensor> panels{plain(picture)};
      std::vector<std::string> said;
      for (const auto& n : alike[i]) {
        panels.push_back(plain(picture_at(known, n.index)));
        said.push_back(
            fmt::format("{} ({:.3f}, #{})", model.classes[static_cast<size_t>(n.label)], n.similarity, n.index));
      }
      write_file(file, data::encode_png(people::beside(panels)));
      entry.update({{"method", o.method}, {"nearest", json_of(alike[i], model)}, {"picture", file.string()}});
      line += "most alike: " + join(said);
    } else {
      entry.update(explain_one(model, picture, o, file));
      line += fmt::format("{} for {}: {:.3f}, {:.3f} when black", o.method, entry["target"].get<std::string>(),
                          entry["output"].is_null() ? NAN : entry["output"].get<double>(),
                          entry["black_output"].is_null() ? NAN : entry["black_output"].get<double>());
      if (!entry["gap"].is_null()) line += fmt::format(", off by {:.2f} %", 100 * entry["gap"].get<double>());
      if (o.check)
        line += fmt::format(", deletion {:.3f}, insertion {:.3f}", entry["deletion"].get<double>(),
                            entry["insertion"].get<double>());
    }
    if (o.json)
      list.push_back(std::move(entry));
    else
      fmt::print("{}   {}\n", line, file.string());
  }
  if (o.json) print_json(list);
  return 0;
}

int run(ExplainOptions o) {
  tasks::Classifier model = tasks::Classifier::load(train::model_path(o.model));
  if (std::holds_alternative<tasks::TableInput>(model.input)) return explain_rows(model, o);
  if (o.method.empty()) o.method = "integrated_gradients";
  return std::holds_alternative<tasks::TextInput>(model.input) ? explain_texts(model, o) : explain_pictures(model, o);
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto o = std::make_shared<ExplainOptions>();
  std::vector<std::string> methods = people::explain_methods();
  methods.insert(methods.end(), {"attention", nearest_method});
  CLI::App* verb = app.add_subcommand(
      "explain", "Show which pixels, words or columns, or which training examples, an answer rests on");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option(
          "inputs", o->inputs,
          "Pictures (PNG, JPEG), folders of them, or - for standard input; texts, files of them (CSV, JSONL, a line "
          "each) or - for a network of texts: what each word adds; CSV files for a network of tables: what each column "
          "adds (Shapley values), and what would change the answer")
      ->required();
  verb->add_option(
          "--method", o->method,
          "How (default: integrated_gradients, of tables shapley); nearest shows the training examples most alike")
      ->check(CLI::IsMember(methods));
  verb->add_option("--target", o->target, "The class to explain (default: the answer)");
  verb->add_option("--out", o->out, "Folder for pictures and pages")->capture_default_str();
  verb->add_option("--samples", o->samples, "Noisy copies of smooth_grad, permutations of shapley")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb->add_option("--count", o->count, "How many training examples nearest shows, or words and columns with a figure")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets, for nearest (else TANDEM_DATA, else the cache folder)");
  verb->add_option("--fixed", o->fixed, "Of tables: columns that must stay when another answer is looked for");
  verb->add_flag("--check", o->check,
                 "Measure how faithful it is, for pictures and texts: deletion (low is good), insertion (high)");
  verb->add_flag("--invert", o->invert,
                 "Swap dark and light: for dark ink on white paper with a network of light ink on black");
  verb->add_flag("--json", o->json, "As JSON");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
