#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/fetch.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/sheet.h>
#include <tandem/evaluate/report.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string name, data, out, target;
  std::vector<int64_t> size;
  int64_t columns = 12;
  uint64_t seed = 1;
  bool json = false;
};

int list(const Options& o) {
  const fs::path folder = data::data_folder(o.data);
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  if (!o.json) fmt::print("  {:<16} {:<10} {:>7}  {:<44} {}\n", "name", "here", "classes", "examples", "licence");
  for (const auto& entry : data::catalog()) {
    const bool present = data::is_present(entry, folder);
    const std::string state = present ? "yes" : entry.fetchable ? "fetch" : "no";
    if (o.json)
      all.push_back({{"name", entry.name},
                     {"task", entry.task},
                     {"classes", entry.classes},
                     {"sizes", entry.sizes},
                     {"licence", entry.licence},
                     {"present", present},
                     {"fetchable", entry.fetchable}});
    else
      fmt::print("  {:<16} {:<10} {:>7}  {:<44} {}\n", entry.name, state, entry.classes, entry.sizes, entry.licence);
  }
  if (o.json)
    fmt::print("{}\n", all.dump(2));
  else
    fmt::print(
        "\n  data folder: {}\n  fetch: `tandem data fetch NAME` gets it. Your own pictures: a folder with one folder a "
        "class.\n",
        folder.string());
  return 0;
}

/// A table: what each column was taken for, and what is suspicious.
int show_table(const std::string& name, const data::Dataset& set) {
  const data::Table& table = set.table();
  fmt::print("{}: {} rows, {} columns\n", name, grouped(table.rows()), table.columns.size());
  int64_t wide = 6;
  for (const data::Column& c : table.columns) wide = std::max(wide, evaluate::display_width(c.name));
  fmt::print("  {:<{}}  {:<10} {:>7}  {:<8} {}\n", "column", wide, "type", "missing", "learned", "why this type");
  for (const data::Column& c : table.columns)
    fmt::print("  {}{}  {:<10} {:>7}  {:<8} {}\n", c.name,
               std::string(static_cast<size_t>(wide - evaluate::display_width(c.name)), ' '), data::name_of(c.type),
               c.missing, c.used ? "yes" : "no", c.reason);
  std::vector<int64_t> count(set.classes.size());
  for (const int32_t label : set.labels) ++count[static_cast<size_t>(label)];
  fmt::print("classes\n");
  for (size_t c = 0; c < count.size(); ++c) fmt::print("  {:<20} {:>8}\n", set.classes[c], grouped(count[c]));
  for (const std::string& remark : set.remarks) fmt::print("{}\n", remark);
  return 0;
}

int show(const Options& o) {
  data::LoadOptions options;
  options.data_folder = data::data_folder(o.data);
  options.seed = o.seed;
  if (data::is_table(o.name)) {
    data::TableSource source;
    source.target = o.target;
    return show_table(o.name, data::load_table(o.name, source, options).train);
  }
  if (!o.size.empty())
    options.image.height = o.size[0], options.image.width = o.size.size() > 1 ? o.size[1] : o.size[0];
  const data::Splits splits = data::load(o.name, options);
  const data::Dataset& first = splits.train.size() > 0 ? splits.train : splits.test;
  fmt::print("{}: {} train, {} validation, {} test; {}x{}, {} channel{}\n", o.name, grouped(splits.train.size()),
             grouped(splits.validation.size()), grouped(splits.test.size()), first.pixels().size(1),
             first.pixels().size(2), first.pixels().size(3), first.pixels().size(3) > 1 ? "s" : "");
  std::vector<int64_t> count(first.classes.size());
  for (const int32_t label : first.labels) ++count[static_cast<size_t>(label)];
  for (size_t c = 0; c < count.size(); ++c) fmt::print("  {:<20} {:>8}\n", first.classes[c], grouped(count[c]));
  data::SheetOptions sheet;
  sheet.columns = o.columns;
  sheet.seed = o.seed;
  const fs::path out = o.out.empty() ? fs::path(fs::path(o.name).stem().string() + "-sheet.png") : fs::path(o.out);
  write_file(out, data::encode_png(data::contact_sheet(first, sheet)));
  fmt::print("contact sheet: {}\n", out.string());
  return 0;
}

int get(const Options& o) {
  catch_interrupts();
  const fs::path folder =
      data::fetch(o.name, data::data_folder(o.data), [](const std::string& file, int64_t have, int64_t total) {
        if (is_terminal())
          std::fprintf(
              stderr, "\r\x1b[K%s",
              fmt::format("{}  {} of {} kB", file, grouped(have / 1000), total > 0 ? grouped(total / 1000) : "?")
                  .c_str());
        return !interrupted();
      });
  if (is_terminal()) std::fprintf(stderr, "\r\x1b[K");
  fmt::print("{} is complete and its checksums are right: {}\n", o.name, folder.string());
  return 0;
}

}  // namespace

void add_data(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("data", "List, look at and fetch data sets");
  verb->require_subcommand(1);
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  CLI::App* list_verb = verb->add_subcommand("list", "The data sets this program knows, and whether they are here");
  list_verb->add_flag("--json", o->json, "As JSON");
  list_verb->callback([o, &context] { context.action = [o] { return list(*o); }; });
  CLI::App* show_verb =
      verb->add_subcommand("show", "Count a data set's examples and draw a contact sheet; the columns of a table");
  show_verb->add_option("name", o->name, "A name of the list, or a path")->required();
  show_verb->add_option("--out", o->out, "Where to write the contact sheet (PNG)");
  show_verb->add_option("--target", o->target, "Of a table: the column to predict (default: the last)");
  show_verb->add_option("--size", o->size, "Height and width to bring pictures to")->expected(1, 2);
  show_verb->add_option("--columns", o->columns, "Pictures of each class")
      ->capture_default_str()
      ->check(CLI::Range(1, 200));
  show_verb->add_option("--seed", o->seed, "Which pictures")->capture_default_str();
  show_verb->callback([o, &context] { context.action = [o] { return show(*o); }; });
  CLI::App* fetch_verb =
      verb->add_subcommand("fetch", "Download a data set, check it, go on where an earlier try stopped");
  fetch_verb->add_option("name", o->name, "A name of the list")->required();
  fetch_verb->callback([o, &context] { context.action = [o] { return get(*o); }; });
  add_data_check(*verb, context);
  add_data_augment(*verb, context);
  for (CLI::App* sub : {list_verb, show_verb, fetch_verb})
    sub->add_option("--data", o->data, "Folder of the data sets");
}

}  // namespace tandem::cli
