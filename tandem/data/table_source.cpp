#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/table_source.h>

#include <algorithm>

namespace tandem::data {
namespace {

CsvOptions csv_options(const TableSource& source) {
  CsvOptions out;
  out.names = source.names;
  if (source.header != "guess") out.header = source.header == "yes" ? CsvHeader::yes : CsvHeader::no;
  if (source.delimiter == "comma") out.delimiter = ',';
  if (source.delimiter == "semicolon") out.delimiter = ';';
  if (source.delimiter == "tab") out.delimiter = '\t';
  if (source.delimiter == "bar") out.delimiter = '|';
  return out;
}

TableOptions table_options(const TableSource& source) {
  TableOptions out;
  for (const auto& [column, type] : source.types) out.types[column] = column_type(type, "data.table.types." + column);
  if (!source.missing.empty()) out.missing = source.missing;
  return out;
}

// train.csv, train.tsv or either packed; "" when there is none.
fs::path part_of(const fs::path& folder, const std::string& name) {
  std::error_code error;
  for (const char* ending : {".csv", ".tsv", ".csv.gz", ".tsv.gz"})
    if (fs::path path = folder / (name + ending); fs::exists(path, error)) return path;
  return {};
}

// The rows that have a label.
Dataset labelled_rows(const Table& table, const Labels& labels) {
  std::vector<int64_t> kept;
  Dataset out{.inputs = {}, .labels = {}, .classes = labels.classes, .source = table.source};
  for (int64_t r = 0; r < table.rows(); ++r) {
    const int32_t label = labels.labels[static_cast<size_t>(r)];
    if (label < 0) continue;
    kept.push_back(r);
    out.labels.push_back(label);
  }
  if (kept.empty()) fail(ErrorKind::data, table.source, "no row has a value of the target");
  out.inputs = std::ssize(kept) == table.rows() ? table : subset(table, kept);
  return out;
}

}  // namespace

void TableSource::fields(Fields& f) {
  f("target", target);
  f.custom(
      "classes",
      [&](const Config& node) {
        classes.clear();
        if (!node.is_map())
          node.fail("data.table.classes: expected classes with their values, as {well: [0], ill: [1]}");
        for (const auto& [name, values] : node.entries()) {
          auto& [class_name, of] = classes.emplace_back(name, std::vector<std::string>{});
          if (values.is_scalar()) of.push_back(values.text());
          for (const Config& value : values.items()) of.push_back(value.text());
          if (of.empty()) values.fail(fmt::format("data.table.classes.{}: give at least one value", name));
        }
      },
      [&] {
        Config out = Config::map();
        for (const auto& [name, values] : classes) {
          Config list = Config::list();
          for (const std::string& value : values) list.push(Config::scalar(value));
          out.put(name, list);
        }
        return classes.empty() ? Config() : out;
      });
  f.custom(
      "types",
      [&](const Config& node) {
        types.clear();
        if (!node.is_map()) node.fail("data.table.types: expected columns with their types, as {age: number}");
        for (const auto& [column, type] : node.entries()) {
          (void)column_type(type.text(), type.where());
          types.emplace_back(column, type.text());
        }
      },
      [&] {
        Config out = Config::map();
        for (const auto& [column, type] : types) out.put(column, Config::scalar(type));
        return types.empty() ? Config() : out;
      });
  f("leave_out", leave_out);
  f("keep", keep);
  f("missing", missing);
  f("names", names);
  f("delimiter", delimiter, {"guess", "comma", "semicolon", "tab", "bar"});
  f("header", header, {"guess", "yes", "no"});
}

Splits load_table(const fs::path& source, const TableSource& options) {
  std::error_code error;
  const bool folder = fs::is_directory(source, error);
  const fs::path first = folder ? part_of(source, "train") : source;
  if (first.empty()) fail(ErrorKind::file, source.string(), "has no train.csv or train.tsv");
  const Csv csv = Csv::read(first, csv_options(options));
  Table table = read_table(csv, table_options(options));
  const Target target{options.target, options.classes};
  const Labels labels = labels_of(table, target);

  Splits out;
  std::vector<std::string> remarks;
  if (options.header == "guess" && options.names.empty())
    remarks.push_back(csv.has_header()
                          ? fmt::format("the first line is taken for the names of the columns: {}", join(csv.names()))
                          : "no line seems to name the columns: they are called column 1, column 2, …");
  const std::string target_name = table.columns[static_cast<size_t>(labels.column)].name;
  const auto column = [&](const std::string& name) -> Column& {
    return table.columns[static_cast<size_t>(table.column(name))];
  };
  for (const Finding& f : check_table(table, labels)) {
    const bool kept = f.left_out && std::ranges::find(options.keep, f.column) != options.keep.end();
    remarks.push_back(fmt::format("column '{}' {}{}", f.column, f.what,
                                  kept         ? ": kept, as data.table.keep says"
                                  : f.left_out ? ": left out"
                                               : ""));
    if (f.left_out && !kept) column(f.column).used = false;
  }
  for (const std::string& name : options.leave_out) column(name).used = false;
  for (const std::string& name : options.keep) (void)column(name);
  column(target_name).used = false;
  out.train = labelled_rows(table, labels);

  // The other parts by the training part's types and classes, so that the same word means the same.
  const auto other = [&](const char* name, const char* short_name) {
    fs::path path = part_of(source, name);
    if (path.empty()) path = part_of(source, short_name);
    if (path.empty()) return Dataset{};
    TableOptions reading = table_options(options);
    for (const Column& c : table.columns) reading.types[c.name] = c.type;
    Table part = read_table(Csv::read(path, csv_options(options)), reading);
    Target known{target_name, options.classes};
    if (known.classes.empty())
      for (const std::string& c : labels.classes) known.classes.push_back({c, {c}});
    const Labels its = labels_of(part, known);
    for (Column& c : part.columns) c.used = column(c.name).used;
    return labelled_rows(part, its);
  };
  if (folder) out.validation = other("validation", "val"), out.test = other("test", "test");
  for (Dataset* part : {&out.train, &out.validation, &out.test})
    part->source = source.string(), part->remarks = remarks;
  if (out.validation.size() == 0) out.validation = Dataset{};
  if (out.test.size() == 0) out.test = Dataset{};
  return out;
}

Dataset load_rows(const fs::path& source, const TableSource& options, const TableOptions& reading,
                  const std::vector<std::string>& classes) {
  CsvOptions how = csv_options(options);
  if (!how.names.empty()) {
    // A file to predict may come with a header, or without the target's column.
    const Csv plain = Csv::read(source, {.delimiter = how.delimiter, .header = how.header});
    if (plain.has_header()) how.names.clear();
    if (plain.columns() + 1 == std::ssize(how.names)) {
      const auto target = options.target.empty() ? how.names.end() - 1 : std::ranges::find(how.names, options.target);
      if (target != how.names.end()) how.names.erase(target);
    }
  }
  TableOptions types = reading;
  if (!options.missing.empty()) types.missing = options.missing;
  Table table = read_table(Csv::read(source, how), types);
  Dataset out{.inputs = {}, .labels = {}, .classes = classes, .source = source.string()};
  out.labels.assign(static_cast<size_t>(table.rows()), 0);
  out.inputs = std::move(table);
  return out;
}

}  // namespace tandem::data
