#include <tandem/people/memory.h>

#include <nlohmann/json.hpp>

namespace tandem::people {
namespace {

data::Dataset sample(const data::Dataset& set, int64_t most, uint64_t seed) {
  if (set.size() <= most) return set;
  return data::split(set, static_cast<double>(most) / static_cast<double>(set.size()), seed).second;
}

void put(TensorFile& file, const std::string& name, const data::Dataset& set) {
  file.tensors.emplace_back(name + ".pixels", set.pixels());
  file.tensors.emplace_back(name + ".labels", Tensor::from(set.labels, {set.size()}));
}

data::Dataset take(const TensorFile& file, const std::string& name, const std::string& where) {
  const Tensor pixels = file.find(name + ".pixels"), labels = file.find(name + ".labels");
  data::Dataset set;
  try {
    set.classes = nlohmann::json::parse(file.metadata.at("tandem.classes")).get<std::vector<std::string>>();
    set.source = file.metadata.at("tandem.source");
  } catch (const std::exception&) {
    fail(ErrorKind::data, where, "is no memory of a run: remove it, and it is made again from the run's data");
  }
  const bool fits = pixels.defined() && labels.defined() && pixels.dtype() == DType::u8 && pixels.rank() == 4 &&
                    labels.dtype() == DType::i32 && labels.shape() == Shape{pixels.size(0)};
  if (!fits)
    fail(ErrorKind::data, where, "has no {} of bytes (n, h, w, c) with as many labels: remove it, and it is made again",
         name);
  set.inputs = pixels;
  set.labels.assign(labels.data<const int32_t>().begin(), labels.data<const int32_t>().end());
  for (const int32_t label : set.labels)
    if (label < 0 || static_cast<size_t>(label) >= set.classes.size())
      fail(ErrorKind::data, where, "has label {} in {}, but {} classes", label, name, set.classes.size());
  return set;
}

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
  return {take(file, "replay", path.string()), take(file, "held_back", path.string())};
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
