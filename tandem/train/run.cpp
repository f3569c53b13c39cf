#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/data/catalog.h>
#include <tandem/kernels/isa.h>
#include <tandem/nn/weights.h>
#include <tandem/train/events.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

namespace tandem::train {
namespace {

using json = nlohmann::ordered_json;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string date() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

std::string log_text(const Recipe& recipe, const std::string& command, const Trainer& trainer) {
  std::string out = fmt::format("tandem {}\n{}\nseed {}, {} threads, {}\n", version(), command, recipe.seed, threads(),
                                kernels::isa_name());
  for (const auto& p : trainer.history())
    out += fmt::format(
        "epoch {}  train loss {:.5f} accuracy {:.4f}  validation loss {:.5f} accuracy {:.4f}  lr {:.3g}  {:.1f} s\n",
        p.epoch, p.train_loss, p.train_accuracy, p.validation_loss, p.validation_accuracy, p.learning_rate, p.seconds);
  return out;
}

/// "conv 32, kernel 3": what tells one layer of its kind from another.
std::string layer_title(nn::Module& layer, const Shape& output) {
  static const std::set<std::string> telling{"filters", "units", "kernel", "stride", "groups", "probability", "slope"};
  const Config options = Fields::write(layer);
  std::vector<std::string> shown;
  for (const auto& [key, value] : options.entries()) {
    if (!telling.contains(key)) continue;
    std::string text = value.text();
    if (key == "units" && text == "classes") text = std::to_string(output[-1]);
    if (shown.empty())
      shown.push_back(text);
    else if (key == "kernel" || (text != "0" && text != "1"))  // stride 0: the kernel's size
      shown.push_back(key + " " + text);
  }
  return shown.empty() ? layer.kind() : layer.kind() + " " + join(shown);
}

}  // namespace

std::string version() { return TANDEM_VERSION; }

data::ImageSplits prepare(const Recipe& recipe, const fs::path& data_folder) {
  data::LoadOptions options;
  options.data_folder = data_folder;
  options.seed = recipe.seed;
  options.train_examples = recipe.data.train;
  options.test_examples = recipe.data.test;
  if (!recipe.data.size.empty()) options.image.height = recipe.data.size[0], options.image.width = recipe.data.size[1];
  options.image.channels = recipe.data.channels;
  options.classes = recipe.data.classes;
  data::ImageSplits splits = data::load(recipe.data.source, options);
  // A report names a known data set as people do, not by where it lies on this machine.
  if (recipe.data.source.find('/') == std::string::npos)
    for (data::ImageSet* part : {&splits.train, &splits.validation, &splits.test}) part->source = recipe.data.source;
  if (splits.test.size() == 0 && recipe.data.test_share > 0)
    std::tie(splits.train, splits.test) = data::split(splits.train, recipe.data.test_share, recipe.seed + 0x7e57);
  if (splits.validation.size() == 0 && recipe.data.validation > 0)
    std::tie(splits.train, splits.validation) = data::split(splits.train, recipe.data.validation, recipe.seed);
  return splits;
}

tasks::ImageModel make_model(const Recipe& recipe, const data::ImageSet& train) {
  tasks::ImageModel model;
  model.net = recipe.network;
  model.input = tasks::fit_input(train);
  if (recipe.privacy.on()) {  // a mean of the examples would be one more thing that is given away
    std::ranges::fill(model.input.mean, 0.5);
    std::ranges::fill(model.input.std, 0.5);
  }
  model.classes = train.classes;
  model.loss = recipe.loss.type;
  model.views = recipe.predict;
  model.build(Rng(recipe.seed, "weights"));
  return model;
}

Evaluation evaluate_model(tasks::ImageModel& model, const data::ImageSet& set, const std::string& split) {
  if (set.size() == 0) fail(ErrorKind::data, "evaluate", "the {} part has no examples", split);
  if (set.classes != model.classes)
    fail(ErrorKind::data, "evaluate", "the data has classes {}, the model knows {}", join(set.classes),
         join(model.classes));
  const double started = now();
  Evaluation out;
  const evaluate::Outputs outputs = model.outputs(set);
  const Tensor p = model.confidence ? model.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
  const auto values = p.data<const float>();
  out.predictions = {model.classes, set.labels, {values.begin(), values.end()}};
  out.facts.seconds = now() - started;
  if (model.confidence) out.deferral = evaluate::deferral(*model.confidence, outputs, set.labels);
  out.result = evaluate::classification(out.predictions);
  out.facts.task = "image_classification";
  out.facts.data = set.source;
  out.facts.split = split;
  out.facts.parameters = nn::count(model.net).trained;
  out.facts.version = version();
  out.facts.date = date();
  out.facts.machine = fmt::format("{} threads, {}", threads(), kernels::isa_name());
  return out;
}

std::vector<evaluate::LayerRow> layer_rows(nn::Sequential& net) {
  std::vector<evaluate::LayerRow> rows;
  for (size_t i = 0; i < net.layers().size(); ++i) {
    nn::Module& layer = *net.layers()[i];
    const Shape& output = net.shapes().at(i);
    std::vector<std::string> sizes;
    for (const int64_t size : output) sizes.push_back(std::to_string(size));
    rows.push_back({std::to_string(i), layer_title(layer, output), join(sizes, " x "), nn::count(layer).trained});
  }
  return rows;
}

RunFolder RunFolder::create(const fs::path& runs, const std::string& name) {
  make_folder(runs);
  for (int n = 1; n < 100000; ++n) {
    const fs::path path = runs / (n == 1 ? name : fmt::format("{}-{}", name, n));
    std::error_code error;
    if (fs::create_directory(path, error)) {
      make_folder(path / "checkpoints");
      return {path};
    }
    if (error) fail(ErrorKind::file, path.string(), "cannot be made: {}", error.message());
  }
  fail(ErrorKind::file, runs.string(), "has too many runs named {}", name);
}

RunFolder RunFolder::open(const fs::path& path) {
  const RunFolder folder{path};
  if (fs::is_regular_file(folder.recipe())) return folder;
  std::vector<std::string> names;
  std::error_code error;
  if (fs::is_directory("runs", error))
    for (const auto& entry : fs::directory_iterator("runs", error))
      if (fs::is_regular_file(entry.path() / "recipe.yaml")) names.push_back(entry.path().string());
  std::ranges::sort(names);
  fail(ErrorKind::file, path.string(), "is no run folder (it has no recipe.yaml); runs here: {}",
       names.empty() ? "none" : join(names));
}

fs::path model_path(const fs::path& run_or_model) {
  return fs::is_directory(run_or_model) ? RunFolder::open(run_or_model).model() : run_or_model;
}

RunResult run(Recipe& recipe, const RunFolder& folder, const fs::path& data_folder, const std::string& command,
              bool resume, const Hooks& hooks) {
  const data::ImageSplits data = prepare(recipe, data_folder);
  tasks::ImageModel model = make_model(recipe, data.train);
  if (recipe.people) model.check_people(data.validation);
  Trainer trainer(recipe, model, data.train, data.validation);
  if (resume) trainer.restore(read_safetensors(folder.checkpoint()), folder.checkpoint().string());
  write_text(folder.recipe(), recipe.write().str());

  const auto save = [&] {
    write_safetensors(folder.checkpoint(), trainer.checkpoint());
    write_text(folder.metrics(), metrics_lines(trainer.history()));
    write_text(folder.log(), log_text(recipe, command, trainer));
    append_events(folder.path, trainer.history());
  };
  Hooks own = hooks;
  own.epoch = [&](const evaluate::EpochPoint& point, bool best) {
    save();
    if (hooks.epoch) hooks.epoch(point, best);
  };
  RunResult out;
  out.outcome = trainer.run(own);
  save();
  out.best_epoch = trainer.best_epoch();
  out.train_seconds = trainer.seconds();
  if (out.outcome == Outcome::interrupted) return out;

  if (recipe.people) model.learn_confidence(*recipe.people, data.train, data.validation);
  const std::string recipe_text = recipe.write().str();
  model.notes = {{"recipe", recipe_text},
                 {"name", recipe.name},
                 {"seed", std::to_string(recipe.seed)},
                 {"version", version()},
                 {"data", data.train.source}};
  if (recipe.privacy.on())
    model.notes["privacy"] = fmt::format("epsilon {:.3f} at delta {:g}: noise {:.3f}, clip {:g}{}", trainer.epsilon(),
                                         recipe.privacy.delta, trainer.noise(), recipe.privacy.clip,
                                         recipe.privacy.repeatable ? ", noise from the seed (for measuring only)" : "");
  model.save(folder.model());
  const bool tested = data.test.size() > 0;
  const data::ImageSet& set = tested ? data.test : data.validation.size() > 0 ? data.validation : data.train;
  out.test = evaluate_model(model, set, tested ? "test" : data.validation.size() > 0 ? "validation" : "train");
  evaluate::RunFacts& facts = out.test.facts;
  facts.name = folder.path.filename().string();
  facts.folder = folder.path.string();
  facts.seed = recipe.seed;
  facts.train_seconds = trainer.seconds();
  facts.command = command;
  const evaluate::Deferral* deferral = out.test.deferral ? &*out.test.deferral : nullptr;
  write_text(folder.report_json(), evaluate::report_json(facts, out.test.result, deferral));
  write_text(folder.report_page(), evaluate::report_page({.facts = facts,
                                                          .result = out.test.result,
                                                          .predictions = out.test.predictions,
                                                          .deferral = deferral,
                                                          .images = &set,
                                                          .history = trainer.history(),
                                                          .best_epoch = trainer.best_epoch(),
                                                          .recipe = recipe_text,
                                                          .network = layer_rows(model.net)}));
  return out;
}

std::string metrics_lines(const std::vector<evaluate::EpochPoint>& history) {
  std::string out;
  for (const auto& p : history)
    out += json{{"epoch", p.epoch},
                {"train_loss", number(p.train_loss)},
                {"train_accuracy", number(p.train_accuracy)},
                {"validation_loss", number(p.validation_loss)},
                {"validation_accuracy", number(p.validation_accuracy)},
                {"learning_rate", number(p.learning_rate)},
                {"seconds", number(p.seconds)}}
               .dump() +
           "\n";
  return out;
}

std::vector<evaluate::EpochPoint> read_metrics(const fs::path& path) {
  std::vector<evaluate::EpochPoint> out;
  std::string text = read_text(path);
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    ++line;
    try {
      const json j = json::parse(text.substr(at, end - at));
      const auto get = [&](const char* key) { return j.at(key).is_null() ? std::nan("") : j.at(key).get<double>(); };
      out.push_back({j.at("epoch"), get("train_loss"), get("validation_loss"), get("validation_accuracy"),
                     get("learning_rate"), get("seconds"), get("train_accuracy")});
    } catch (const json::exception& e) {
      fail(ErrorKind::data, path.string(), "line {}: {}", line, e.what());
    }
    at = end + 1;
  }
  return out;
}

}  // namespace tandem::train
