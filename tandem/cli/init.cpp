#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/improve/guess.h>
#include <tandem/improve/guess_rows.h>

#include <cctype>
#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string source, out, name, data, target;
  bool force = false;
};

// What a run may be called, from the data's name: "My Pets/" becomes "my-pets".
std::string name_from(const std::string& source) {
  fs::path path(source);
  if (path.filename().empty()) path = path.parent_path();
  std::string stem = path.filename().string();
  stem = stem.substr(0, stem.find('.'));
  std::string out;
  for (const char c : stem) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u))
      out += static_cast<char>(std::tolower(u));
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "run" : out;
}

int run(const Options& o) {
  const std::string name = o.name.empty() ? name_from(o.source) : o.name;
  const fs::path out = o.out.empty() ? fs::path(name + ".yaml") : fs::path(o.out);
  if (fs::exists(out) && !o.force)
    fail("init", "{} is there already: give another name with --out, or --force to replace it", out.string());
  if (improve::has_rows(o.source)) {
    const improve::RowFacts facts = improve::look_at_rows(o.source, o.target);
    write_text(out, improve::guessed_recipe(facts, name));
    fmt::print("{}: {} {} of {} classes ({})\n", o.source, grouped(facts.examples), facts.texts ? "texts" : "rows",
               facts.classes.size(), shortened(join(facts.classes), 60));
    if (!facts.texts)
      fmt::print(
          "learns '{}' ({}) from {} columns of numbers and {} of words; {} left out: `tandem data show` says why\n",
          facts.target, facts.why, facts.numbers, facts.words, facts.left_out);
    else if (!facts.target.empty())
      fmt::print("learns '{}' ({}) from the texts\n", facts.target, facts.why);
  } else {
    if (!o.target.empty()) fail("init", "--target names a column, and {} has none", o.source);
    const improve::DataFacts facts = improve::look_at(o.source, data::data_folder(o.data));
    write_text(out, improve::guessed_recipe(facts, name));
    fmt::print("{}: {} pictures of {} classes, {}x{}, {}\n", o.source, grouped(facts.examples), facts.classes,
               facts.height, facts.width, facts.channels == 1 ? "grey" : "in colour");
  }
  say(fmt::format("\n  recipe   {}\n\nNext:\n  tandem train {}", out.string(), out.string()));
  return 0;
}

}  // namespace

void add_init(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("init", "Look at data and write a recipe for it, with a remark on every choice");
  verb->add_option(
          "data", o->source,
          "A folder of pictures, an archive, IDX files, a CSV, TSV or JSONL file, or a name of `tandem data list`")
      ->required();
  verb->add_option("--out", o->out, "The recipe's file (else NAME.yaml, after the data)");
  verb->add_option("--name", o->name, "The recipe's name (else after the data)");
  verb->add_option("--target", o->target, "Of a file of rows: the column to learn (else guessed, and said)");
  verb->add_option("--data", o->data, "Folder of the named data sets (else TANDEM_DATA, else the cache folder)");
  verb->add_flag("--force", o->force, "Replace a file that is there");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
