// Vectors of texts, and the texts most alike.
#include <fmt/ranges.h>
#include <tandem/adapt/checkpoint.h>
#include <tandem/adapt/encoder.h>
#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/formats/npy.h>
#include <tandem/tasks/known_texts.h>
#include <tandem/train/run_folder.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, out, among, column;
  std::vector<std::string> inputs;
  int64_t top = 5;
  bool json = false;
};

/// The texts of `inputs`; one of which the network knows no word gets a vector all the same, and that is said.
data::Texts texts_of(const tasks::TextEncoder& encoder, const Options& o, const std::vector<std::string>& inputs) {
  data::TextSource source = text_source(encoder.notes);
  if (!o.column.empty()) source.column = o.column;
  data::Texts texts = read_texts(source, inputs);
  std::vector<std::string> strange;
  for (const std::string& text : texts)
    if (tasks::unknown_share(encoder.input, text) == 1) strange.push_back(text);
  if (!strange.empty())
    say(fmt::format("'{}'{}: the texts of the training have none of these words, so the vector means nothing",
                    shortened(strange[0], 40),
                    strange.size() > 1 ? fmt::format(" and {} more", grouped(std::ssize(strange) - 1)) : ""));
  return texts;
}

tasks::KnownTexts known_texts(const tasks::TextEncoder& encoder, const Options& o) {
  std::error_code error;
  if (!fs::exists(o.among, error)) fail(ErrorKind::file, o.among, "does not exist");
  if (o.among.ends_with(".safetensors")) return tasks::KnownTexts::load(o.among, encoder);
  return tasks::KnownTexts::of(encoder, texts_of(encoder, o, {o.among}));
}

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

void show_nearest(const tasks::KnownTexts& known, const data::Texts& asked, const Tensor& vectors, const Options& o) {
  const evaluate::Nearest nearest(known.vectors);
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const auto found = nearest.to(vectors.rows(row, row + 1).data<const float>(), o.top);
    if (!o.json) fmt::print("{}\n", shortened(asked[i], 98));
    std::vector<std::string> items;
    for (const auto& [index, similarity] : found) {
      const std::string& text = known.texts[static_cast<size_t>(index)];
      if (o.json)
        items.push_back(fmt::format(R"({{"index":{},"similarity":{},"text":{}}})", index, similarity, quoted(text)));
      else
        fmt::print("  {:6.3f}  {}\n", similarity, shortened(text, 90));
    }
    if (o.json) fmt::print("{{\"text\":{},\"nearest\":[{}]}}\n", quoted(asked[i]), fmt::join(items, ","));
  }
}

int run(const Options& o) {
  if (!o.out.empty() && !o.among.empty())
    fail("embed", "--out writes vectors, --among looks for the nearest texts: give one of them");
  if (!o.out.empty() && !o.out.ends_with(".npy") && !o.out.ends_with(".safetensors"))
    fail("--out", "'{}' says no format: end it with .npy (the numbers), or .safetensors (with their texts)", o.out);
  const tasks::TextEncoder encoder =
      adapt::load_encoder(adapt::Checkpoint::is_at(o.model) ? fs::path(o.model) : train::model_path(o.model));
  say(fmt::format("a text is {} numbers at length 1: {}", encoder.width, encoder.vector));
  const data::Texts texts = texts_of(encoder, o, o.inputs);
  if (!o.among.empty()) {
    show_nearest(known_texts(encoder, o), texts, encoder.vectors(texts), o);
  } else if (o.out.ends_with(".safetensors")) {
    tasks::KnownTexts::of(encoder, texts).save(o.out);
  } else {
    const Tensor vectors = encoder.vectors(texts);
    if (!o.out.empty()) data::write_npy(o.out, vectors);
    for (int64_t i = 0; o.out.empty() && i < vectors.size(0); ++i)
      fmt::print("{{\"text\":{},\"vector\":[{}]}}\n", quoted(texts[static_cast<size_t>(i)]),
                 fmt::join(vectors.rows(i, i + 1).data<const float>(), ","));
  }
  if (!o.out.empty()) say(fmt::format("{}  {} texts", o.out, grouped(std::ssize(texts))));
  return 0;
}

}  // namespace

void add_embed(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("embed", "Make a vector of each text, or find the texts most alike");
  verb->add_option("run", o->model,
                   "A run folder or a model file of a network that reads texts, or a folder with BERT or GPT-2")
      ->required();
  verb->add_option("texts", o->inputs,
                   "Texts, files of them (a column of .csv, .tsv, .jsonl; lines of others), or - for standard input")
      ->required();
  verb->add_option("--out", o->out,
                   "Write the vectors to this file: .npy (texts x numbers), or .safetensors, which keeps the texts and "
                   "can be looked in; else a JSON line a text goes to standard output");
  verb->add_option("--among", o->among,
                   "Show of this file's texts those most alike to each text: a file of texts, or one that --out wrote");
  verb->add_option("--top", o->top, "So many of them")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  verb->add_option("--column", o->column, "The column of the texts in files, when the model's recipe says another");
  verb->add_flag("--json", o->json, "--among: as JSON, a line a text");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
