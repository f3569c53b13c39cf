#include <tandem/adapt/checkpoint.h>
#include <tandem/base/text.h>
#include <tandem/base/version.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/deploy/onnx/import.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string source, out;
  std::vector<int64_t> size;  // one side, or height and width
  deploy::onnx::ImportOptions network;
};

void import_pictures(Options o) {
  if (!o.size.empty()) o.network.height = o.size.front(), o.network.width = o.size.back();
  const std::string bytes = read_text(o.source, uint64_t{1} << 31);
  tasks::Classifier model = deploy::onnx::classifier_of(bytes, o.source, o.network);
  model.notes = {{"name", fs::path(o.source).stem().string()}, {"version", version()}, {"source", o.source}};
  model.save(o.out);
  const auto& image = model.image();
  say(fmt::format("model   {}: {} layers, pictures of {} x {} x {}, {} classes", o.out, model.net.layers().size(),
                  image.height, image.width, image.channels, model.classes.size()));
}

void import_checkpoint(const Options& o) {
  if (!o.size.empty() || !o.network.classes.empty() || !o.network.mean.empty() || !o.network.std.empty())
    fail("import", "--classes, --mean, --std and --size are for ONNX files, {} is a folder: its config.json says more",
         o.source);
  const adapt::Checkpoint checkpoint = adapt::Checkpoint::load(o.source);
  if (checkpoint.task == "language_model")
    checkpoint.language_model().save(o.out);
  else
    checkpoint.classifier().save(o.out);
  if (!checkpoint.left_out.empty()) say("left out, of other heads: " + join(checkpoint.left_out));
  say("model   " + o.out);
}

int run(const Options& o) {
  if (fs::is_directory(o.source))
    import_checkpoint(o);
  else
    import_pictures(o);
  return 0;
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("import", "Make a model file of what another program wrote: ONNX, GPT-2, BERT");
  verb->add_option("source", o->source,
                   "An .onnx file of a network of pictures, or a folder with config.json, model.safetensors and the "
                   "tokenizer's files")
      ->required();
  verb->add_option("out", o->out, "The model file to write")->required();
  verb->add_option("--classes", o->network.classes, "ONNX: names of the classes, in order: cat,dog")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--mean", o->network.mean,
                   "ONNX: what pixels of 0 … 1 are normalised with, by channel: 0.485,0.456,0.406")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--std", o->network.std, "The same, what they are divided by: 0.229,0.224,0.225")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--size", o->size,
                   "ONNX: height and width of pictures where the file leaves them open: 224, or 224,160")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->expected(1, 2)
      ->check(CLI::Range(1, 65536));
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
