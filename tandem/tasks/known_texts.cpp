#include <tandem/data/text/stored.h>
#include <tandem/tasks/known_texts.h>
#include <tandem/tasks/model_file.h>

namespace tandem::tasks {
namespace {

constexpr const char* kind = "known_texts";
constexpr const char* remedy = "make it again with `tandem embed RUN TEXTS --out FILE.safetensors`";

}  // namespace

KnownTexts KnownTexts::of(const TextEncoder& encoder, data::Texts texts) {
  KnownTexts out{.texts = std::move(texts), .vectors = {}, .encoder = encoder.fingerprint()};
  out.vectors = encoder.vectors(out.texts);
  return out;
}

void KnownTexts::save(const fs::path& path) const {
  TensorFile file;
  file.metadata["tandem.format"] = format_version;
  file.metadata["tandem.task"] = kind;
  file.metadata["tandem.encoder"] = encoder;
  file.tensors.emplace_back("vectors", vectors);
  data::put_texts(file, "texts", texts);
  write_safetensors(path, file);
}

KnownTexts KnownTexts::load(const fs::path& path, const TextEncoder& encoder) {
  const TensorFile file = read_safetensors(path);
  const std::string where = path.string();
  const auto task = file.metadata.find("tandem.task");
  if (task == file.metadata.end() || task->second != kind)
    fail(ErrorKind::data, where, "holds no texts with their vectors: {}", remedy);
  check_format(file, path);
  KnownTexts out{.texts = data::texts_in(file, "texts", where, remedy),
                 .vectors = file.find("vectors"),
                 .encoder = model_text(file, path, "encoder")};
  if (out.encoder != encoder.fingerprint())
    fail(ErrorKind::data, where, "was made by another network, whose vectors say nothing beside this one's: {}",
         remedy);
  const Shape wanted{std::ssize(out.texts), encoder.width};
  if (!out.vectors.defined() || out.vectors.dtype() != DType::f32 || out.vectors.shape() != wanted)
    fail(ErrorKind::data, where, "has no vectors of shape {}, a row for each of its texts: {}", wanted, remedy);
  return out;
}

}  // namespace tandem::tasks
