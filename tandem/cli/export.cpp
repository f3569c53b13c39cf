#include <tandem/base/version.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/deploy/onnx/export.h>
#include <tandem/train/job.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, to, out;
};

int run(const Options& o) {
  using deploy::onnx::Port;
  const fs::path path = train::model_path(o.model);
  const fs::path out = o.out.empty() ? fs::path(path).replace_extension(".onnx") : fs::path(o.out);
  const auto write = [&](const auto& model) {
    const deploy::onnx::Graph graph = deploy::onnx::graph_of(model);
    const auto name = model.notes.find("name");
    write_text(out, graph.bytes(name == model.notes.end() ? path.stem().string() : name->second, version()));
    for (const Port& port : graph.inputs()) fmt::print("input   {}\n", port.text());
    for (const Port& port : graph.outputs()) fmt::print("output  {}\n", port.text());
  };
  if (train::task_in(path) == "language_model")
    write(tasks::LanguageModel::load(path));
  else
    write(tasks::Classifier::load(path));
  say("model   " + out.string());
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("export", "Write a network for other programs: ONNX, opset 17");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("--to", o->to, "The format")->check(CLI::IsMember({"onnx"}))->required();
  verb->add_option("--out", o->out, "The file to write (default: beside the model, with the ending .onnx)");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
