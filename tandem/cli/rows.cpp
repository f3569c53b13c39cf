#include <tandem/cli/rows.h>
#include <tandem/cli/terminal.h>
#include <tandem/data/catalog.h>
#include <tandem/train/recipe.h>

namespace tandem::cli {

Rows read_rows(const tasks::Classifier& model, const std::vector<std::string>& files) {
  const auto* input = std::get_if<tasks::TableInput>(&model.input);
  if (!input) fail("predict", "this network does {}: it takes no rows of a table", tasks::task_of(model.input));
  data::TableSource source;
  if (const auto recipe = model.notes.find("recipe"); recipe != model.notes.end()) {
    const train::Recipe its = train::Recipe::read(Config::parse(recipe->second, "the model's recipe"));
    source = data::table_source(its.data.source, its.data.table ? its.data.table->source : data::TableSource{});
  }
  Rows out;
  constexpr size_t most_said = 5;
  size_t strange = 0;
  for (const std::string& file : files) {
    data::Dataset part = data::load_rows(file, source, input->reading(), model.classes);
    const data::Table& table = part.table();
    for (int64_t r = 0; r < table.rows(); ++r) {
      out.names.push_back(
          fmt::format("{}:{}", fs::path(file).filename().string(), table.lines[static_cast<size_t>(r)]));
      for (const std::string& what : tasks::unseen(*input, table, r))
        if (++strange <= most_said) say(fmt::format("{}: {}", out.names.back(), what));
    }
    out.set = out.set.size() == 0 ? std::move(part) : data::joined(out.set, part);
  }
  if (strange > most_said) say(fmt::format("and {} more values that training has not seen", strange - most_said));
  return out;
}

}  // namespace tandem::cli
