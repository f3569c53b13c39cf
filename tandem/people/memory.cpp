#include <tandem/data/text/stored.h>
#include <tandem/people/memory.h>

#include <nlohmann/json.hpp>

namespace tandem::people {
namespace {

data::Dataset sample(const data::Dataset& set, int64_t most, uint64_t seed) {
  if (set.size() <= most) return set;
  return data::split(set, static_cast<double>(most) / static_cast<double>(set.size()), seed).second;
}

constexpr const char* remedy = "remove it, and it is made again";

// Of a table only the columns that are learned from.
void put(TensorFile& file, const std::string& name, const data::Dataset& set) {
  file.tensors.emplace_back(name + ".labels", Tensor::from(set.labels, {set.size()}));
  if (set.has_pictures()) {
    file.tensors.emplace_back(name + ".pixels", set.pixels());
  } else if (set.has_texts()) {
    data::put_texts(file, name + ".texts", set.texts());
  } else {
    auto columns = nlohmann::json::array();
    for (const data::Column& column : set.table().columns) {
      if (!column.used) continue;
      const std::string own = fmt::format("{}.column.{}", name, columns.size());
      columns.push_back({{"name", column.name}, {"type", data::name_of(column.type)}});
      if (column.numeric())
        file.tensors.emplace_back(own, Tensor::from(column.numbers, {std::ssize(column.numbers)}));
      else
        data::put_texts(file, own, column.words);
    }
    file.metadata["tandem." + name + ".columns"] = columns.dump();
  }
}

// What a file holds under names; anything else than it was written as is refused.
class Reader {
 public:
  Reader(const TensorFile& file, std::string where) : file_(file), where_(std::move(where)) {}

  data::Dataset set(const std::string& name) const {
    data::Dataset out;
    try {
      out.classes = nlohmann::json::parse(file_.metadata.at("tandem.classes")).get<std::vector<std::string>>();
      out.source = file_.metadata.at("tandem.source");
    } catch (const std::exception&) {
      fail(ErrorKind::data, where_, "is no memory of a run: remove it, and it is made again from the run's data");
    }
    const Tensor labels = tensor(name + ".labels", DType::i32, 1);
    out.labels.assign(labels.data<const int32_t>().begin(), labels.data<const int32_t>().end());
    for (const int32_t label : out.labels)
      if (label < 0 || static_cast<size_t>(label) >= out.classes.size())
        fail(ErrorKind::data, where_, "has label {} in {}, but {} classes", label, name, out.classes.size());
    if (file_.find(name + ".texts").defined())
      out.inputs = texts(name + ".texts", out.size());
    else if (file_.metadata.contains("tandem." + name + ".columns"))
      out.inputs = table(name, out.size());
    else
      out.inputs = sized(name + ".pixels", tensor(name + ".pixels", DType::u8, 4), out.size());
    return out;
  }

 private:
  Tensor tensor(const std::string& name, DType type, int rank) const {
    Tensor out = file_.find(name);
    if (!out.defined() || out.dtype() != type || out.rank() != rank)
      fail(ErrorKind::data, where_, "has no {} as it was written: {}", name, remedy);
    return out;
  }
  Tensor sized(const std::string& name, Tensor values, int64_t size) const {
    if (values.size(0) != size)
      fail(ErrorKind::data, where_, "has {} of {} where there are {} labels: remove it, and it is made again",
           values.size(0), name, size);
    return values;
  }
  data::Texts texts(const std::string& name, int64_t size) const {
    data::Texts out = data::texts_in(file_, name, where_, remedy);
    if (std::ssize(out) != size)
      fail(ErrorKind::data, where_, "has {} of {} where there are {} labels: {}", std::ssize(out), name, size, remedy);
    return out;
  }
  data::Table table(const std::string& name, int64_t size) const {
    data::Table out{.columns = {}, .lines = {}, .source = where_};
    for (int64_t line = 1; line <= size; ++line) out.lines.push_back(line);
    const auto columns = nlohmann::json::parse(file_.metadata.at("tandem." + name + ".columns"), nullptr, false);
    for (size_t c = 0; columns.is_array() && c < columns.size(); ++c) {
      data::Column column;
      try {
        column.name = columns[c].at("name").get<std::string>();
        column.type = data::column_type(columns[c].at("type").get<std::string>(), where_);
      } catch (const nlohmann::json::exception&) {
        break;
      }
      const std::string own = fmt::format("{}.column.{}", name, c);
      if (column.numeric()) {
        const Tensor numbers = sized(own, tensor(own, DType::f64, 1), size);
        column.numbers.assign(numbers.data<const double>().begin(), numbers.data<const double>().end());
      } else {
        column.words = texts(own, size);
      }
      for (int64_t r = 0; r < size; ++r) column.missing += column.is_missing(r) ? 1 : 0;
      out.columns.push_back(std::move(column));
    }
    if (out.columns.empty() || out.columns.size() != columns.size())
      fail(ErrorKind::data, where_, "has no list of columns for {}: remove it, and it is made again", name);
    return out;
  }

  const TensorFile& file_;
  std::string where_;
};

}  // namespace

Memory remember(const data::Dataset& train, const data::Dataset& validation, uint64_t seed,
                const MemoryOptions& options) {
  if (train.size() == 0 || validation.size() == 0)
    fail(ErrorKind::data, train.source,
         "has {} examples to train on and {} held back: learning from corrections needs both; set data.validation in "
         "the recipe",
         train.size(), validation.size());
  return {sample(train, options.replay, seed), sample(validation, options.held_back, seed)};
}

void save(const Memory& memory, const fs::path& path) {
  TensorFile file;
  put(file, "replay", memory.replay);
  put(file, "held_back", memory.held_back);
  file.metadata["tandem.classes"] = nlohmann::json(memory.replay.classes).dump();
  file.metadata["tandem.source"] = memory.replay.source;
  write_safetensors(path, file);
}

Memory load_memory(const fs::path& path) {
  const TensorFile file = read_safetensors(path);
  const Reader reader(file, path.string());
  return {reader.set("replay"), reader.set("held_back")};
}

Memory memory_of(const train::RunFolder& run, const fs::path& data_folder) {
  const fs::path path = run.path / "memory.safetensors";
  if (fs::exists(path)) return load_memory(path);
  const train::Recipe recipe = train::Recipe::read(Config::load(run.recipe()));
  const data::Splits splits = train::prepare(recipe, data_folder);
  const Memory memory = remember(splits.train, splits.validation, recipe.seed);
  save(memory, path);
  return memory;
}

}  // namespace tandem::people
