#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/deploy/onnx/import.h>
#include <tandem/train/job.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string file, out;
  std::vector<int64_t> size;  // one side, or height and width
  deploy::onnx::ImportOptions network;
};

int run(Options o) {
  if (!o.size.empty()) o.network.height = o.size.front(), o.network.width = o.size.back();
  const std::string bytes = read_text(o.file, uint64_t{1} << 31);
  tasks::Classifier model = deploy::onnx::classifier_of(bytes, o.file, o.network);
  model.notes = {{"name", fs::path(o.file).stem().string()}, {"version", train::version()}, {"source", o.file}};
  model.save(o.out);
  const auto& image = model.image();
  say(fmt::format("model   {}: {} layers, pictures of {} x {} x {}, {} classes", o.out, model.net.layers().size(),
                  image.height, image.width, image.channels, model.classes.size()));
  return 0;
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("import", "Read a network of pictures that another program wrote: ONNX");
  verb->add_option("file", o->file, "The file, .onnx")->required();
  verb->add_option("out", o->out, "The model file to write")->required();
  verb->add_option("--classes", o->network.classes, "Names of the classes, in order: cat,dog")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--mean", o->network.mean, "What pixels of 0 … 1 are normalised with, by channel: 0.485,0.456,0.406")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--std", o->network.std, "The same, what they are divided by: 0.229,0.224,0.225")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--size", o->size, "Height and width of pictures where the file leaves them open: 224, or 224,160")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->expected(1, 2)
      ->check(CLI::Range(1, 65536));
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
