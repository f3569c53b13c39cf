#include <tandem/base/text.h>
#include <tandem/nn/catalog.h>
#include <tandem/train/recipe.h>

#include <algorithm>

namespace tandem::train {
void TableData::fields(Fields& f) {
  source.fields(f);
  prepare.fields(f);
}

void DataOptions::fields(Fields& f) {
  f("source", source);
  f("classes", classes);
  f("size", size, {1, 65536});
  f("channels", channels, {0, 3});
  f("train", train, {0, 1e9});
  f("test", test, {0, 1e9});
  f("validation", validation, {0, 0.9});
  f("test_share", test_share, {0, 0.9});
  f("seed", seed);
  f("text", text);
  f("from", from);
  f("to", to);
  f("folds", folds, {0, 1000});
  f("repeats", repeats, {1, 1000});
  f("group", group);
  f.custom(
      "table", [&](const Config& node) { Fields::read(node, table.emplace(), "data.table"); },
      [&] { return table ? Fields::write(*table) : Config(); });
  f("augment", augment);
}

void EarlyStopping::fields(Fields& f) {
  f("patience", patience, {0, 1e9});
  f("monitor", monitor, {"loss", "accuracy"});
}

void TrainOptions::fields(Fields& f) {
  f("epochs", epochs, {0, 1e9});
  f("batch", batch, {1, 1e7});
  f("precision", precision, {"fp32", "bf16"});
  f("clip", clip, {0, 1e9});
  f("average", average);
  f("keep", keep, {"best", "last"});
  f("prune", prune);
  f("progressive", progressive);
  f("early_stopping", early_stopping);
}

void LanguageOptions::fields(Fields& f) {
  reading.fields(f);
  f("candidates", candidates, {0, 1e9});
  f("prompts", prompts);
  f("generate", generate);
}

void TranslationOptions::fields(Fields& f) {
  f("shared", shared);
  search.fields(f);
}

void Recipe::fields(Fields& f) {
  f("name", name);
  f("task", task,
    {"image_classification", "text_classification", "table_classification", "language_model", "translation"});
  f("seed", seed);
  f("data", data);
  f.custom(
      "language", [&](const Config& node) { Fields::read(node, language, "language"); },
      [&] { return task == "language_model" ? Fields::write(language) : Config(); });
  f.custom(
      "translation", [&](const Config& node) { Fields::read(node, translation, "translation"); },
      [&] { return task == "translation" ? Fields::write(translation) : Config(); });
  f.custom(
      "network",
      [&](const Config& node) {
        if (!node.get("encoder").is_null() || !node.get("decoder").is_null())
          Fields::read(node, encoder_decoder, "network");
        else
          network = node.is_scalar() ? nn::model(node.text()) : nn::Sequential::read(node);
      },
      [&] {
        return !encoder_decoder.empty() ? Fields::write(encoder_decoder) : network.empty() ? Config() : network.write();
      });
  f.custom(
      "start_from", [&](const Config& node) { start_from = node.text(); },
      [&] { return start_from.empty() ? Config() : Config::scalar(start_from); });
  f.custom(
      "adapt", [&](const Config& node) { Fields::read(node, adapt, "adapt"); },
      [&] { return start_from.empty() ? Config() : Fields::write(adapt); });
  f.custom(
      "teach", [&](const Config& node) { Fields::read(node, teach, "teach"); },
      [&] { return teach.on() ? Fields::write(teach) : Config(); });
  f("loss", loss);
  f("optimizer", optimizer);
  f("schedule", schedule);
  f("train", train);
  f("privacy", privacy);
  f("predict", predict);
  f.custom(
      "people", [&](const Config& node) { Fields::read(node, people.emplace(), "people"); },
      [&] { return people ? Fields::write(*people) : Config(); });
  f.custom(  // what `tune` may change; a run is one choice, so nothing of it is kept
      "search", [](const Config&) {}, [] { return Config(); });
  f.custom(
      "decision", [&](const Config& node) { Fields::read(node, decision.emplace(), "decision"); },
      [&] { return decision ? Fields::write(*decision) : Config(); });
  f.custom(
      "recall", [&](const Config& node) { Fields::read(node, recall.emplace(), "recall"); },
      [&] { return recall ? Fields::write(*recall) : Config(); });
  f("groups", groups);
}

Recipe Recipe::read(const Config& config) {
  if (!config.is_map()) config.fail("a recipe is a list of keys and values, starting with `name:` and `network:`");
  Recipe recipe;
  Fields::read(config, recipe, "recipe");
  if (recipe.start_from.empty() && !config.get("adapt").is_null())
    config.get("adapt").fail("adapt: changes a network that has learned before: give it with start_from: runs/NAME");
  const bool translation = recipe.task == "translation";
  if (translation && (!recipe.network.empty() || !recipe.start_from.empty()))
    config.fail(
        "a translation has a network of two parts and begins from nothing: network: {encoder: […], decoder: […]}");
  if (translation && recipe.encoder_decoder.empty())
    config.fail("network is missing: give its two parts, as in network: {encoder: […], decoder: […]}");
  if (!translation && !recipe.encoder_decoder.empty())
    config.get("network").fail("network: an encoder and a decoder are there for task: translation");
  if (!translation && !(recipe.data.from + recipe.data.to).empty())
    config.get("data").fail("data.from and data.to are there for task: translation");
  if (translation && recipe.loss.type != "cross_entropy")
    config.get("loss").fail("loss: a translation is learned with cross_entropy");
  if (!translation && recipe.network.empty() && recipe.start_from.empty())
    config.fail("network is missing: give a list of layers, or a model: " + join(nn::model_names()));
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (recipe.name.empty() || recipe.name.front() == '.' || !std::ranges::all_of(recipe.name, plain))
    config.fail(fmt::format("name '{}' names the run's folder: use letters, digits, - and _", recipe.name));
  if (recipe.data.size.size() == 1) recipe.data.size.push_back(recipe.data.size.front());
  if (recipe.data.size.size() > 2)
    config.get("data").get("size").fail("data.size: expected [height, width], or one number for both");
  if (recipe.train.progressive.size.size() != recipe.train.progressive.until.size() ||
      !std::ranges::is_sorted(recipe.train.progressive.until))
    config.fail("train.progressive: size and until must be lists of one length, until rising");
  if (recipe.train.average.decay > 0 && recipe.train.average.last > 0)
    config.get("train").get("average").fail(
        "train.average: decay: a running mean, or last: the equal mean of the last share of the training: one of them");
  if (recipe.train.prune.on() && (recipe.adapt.lora || recipe.adapt.bottleneck))
    config.get("train").get("prune").fail(
        "train.prune: an adapter begins as zeros, and what is zero stays so: prune the network that tandem merge makes "
        "of both");
  const tasks::MixingOptions& mixing = recipe.data.augment.mixing;
  const bool writes = translation || recipe.task == "language_model";
  if (mixing.any() && (writes || recipe.task == "text_classification"))
    config.get("data").get("augment").fail(
        "data.augment: mixup and cutmix mix pictures or rows of tables, and a mixture of words is none");
  if (mixing.cutmix > 0 && recipe.task != "image_classification")
    config.get("data").get("augment").fail("data.augment.cutmix cuts out of pictures: for tables there is mixup");
  if (!config.get("teach").is_null()) {
    const Config node = config.get("teach");
    if (!recipe.teach.on()) node.fail("teach: give the networks that teach, from: [runs/NAME, runs/NAME-2]");
    if (writes) node.fail("teach: is for networks that tell classes apart");
    if (recipe.loss.type == "binary_cross_entropy")
      node.fail(
          "teach: a temperature is for logits: end the network before its sigmoid, and set loss: "
          "binary_cross_entropy_logits");
    if (recipe.data.folds > 0)
      node.fail("teach: the networks that teach have learned from the examples that data.folds leaves out");
  }
  if (recipe.privacy.on() && (mixing.any() || recipe.teach.on()))
    config.get("privacy").fail(
        "privacy: mixup and cutmix put an example into two, teach: tells of examples that nothing protects: leave them "
        "out");
  if (recipe.privacy.on()) {  // what would look at the examples beside the noise
    const Config node = config.get("privacy");
    if (recipe.train.keep != "last")
      node.fail("privacy: the epoch kept would be chosen by examples that nothing protects: set train.keep: last");
    if (recipe.loss.balanced)
      node.fail("privacy: loss.balanced counts the labels, which nothing protects: leave it out");
    if (recipe.train.early_stopping.patience > 0 || recipe.schedule.type == "plateau")
      node.fail("privacy: early stopping and the plateau schedule look at examples that nothing protects");
    if (recipe.people)
      node.fail(
          "privacy: people: would keep figures of the training examples that nothing protects: leave one of them out");
    if (recipe.train.precision != "fp32")
      node.fail(fmt::format("privacy: train.precision {} is not possible here: leave it out", recipe.train.precision));
  }
  if (recipe.data.folds == 1)
    config.get("data").get("folds").fail("data.folds: 1 leaves nothing to learn from: 2 or more, or 0");
  const bool table = recipe.task == "table_classification";
  if (!table && recipe.data.table)
    config.get("data").get("table").fail("data.table is there for task: table_classification");
  if (!table && (!recipe.data.group.empty() || !recipe.groups.empty()))
    config.fail("data.group and groups name columns of a table: set task: table_classification");
  if (recipe.privacy.on() && (recipe.decision || recipe.recall || recipe.data.folds > 0))
    config.get("privacy").fail("privacy: decision, recall and data.folds look at examples that nothing protects");
  if (table && recipe.privacy.on())
    config.get("privacy").fail("privacy: the scaling of a table's columns would give away what nothing protects");
  if (recipe.decision && recipe.data.validation == 0)
    config.get("decision").fail("decision: the threshold is chosen on the validation part: set data.validation");
  if (recipe.recall && recipe.loss.binary())
    config.get("recall").fail("recall: of two classes with one output, decision: chooses the threshold");
  if (recipe.data.channels == 2)
    config.fail("data.channels: 2 is not possible: 1 (grey), 3 (colour) or 0 (as the pictures are)");
  if (recipe.people) recipe.people->complete(config.get("people").where());
  return recipe;
}

Config Recipe::write() { return Fields::write(*this); }

void apply_overrides(Config& config, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0)
      fail("recipe", "'{}' is no override: write key=value, as in train.epochs=3", item);
    const std::string key = item.substr(0, equals);
    config.set(key == "data" ? "data.source" : key, item.substr(equals + 1));
  }
}

Config find_recipe(const std::string& given) {
  std::error_code error;
  if (fs::is_regular_file(given, error))
    return Config::load(given);  // a folder of the name of a recipe does not hide it
  std::vector<std::string> names;
  for (const auto& [name, text] : builtin_recipes()) {
    if (name == given) return Config::parse(text, given);
    names.emplace_back(name);
  }
  const bool is_folder = fs::is_directory(given, error), is_override = given.find('=') != std::string::npos;
  if (is_folder || is_override)
    throw Error(ErrorKind::usage,
                fmt::format("'{}' is {}: the recipe comes first, as in `tandem train digits {}`", given,
                            is_folder ? "a folder" : "an override", is_folder ? "data=" + given : given));
  const std::string near = nearest_name(given, names);
  throw Error(ErrorKind::usage,
              fmt::format("recipe '{}' is no file and no recipe of this program{}; there are: {}", given,
                          near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(names)));
}

}  // namespace tandem::train
