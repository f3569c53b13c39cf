#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/catalog.h>
#include <tandem/data/corpus.h>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace tandem::data {
namespace {

/// The first byte at or behind `at` that begins a character of UTF-8.
uint64_t character_begin(const fs::path& path, uint64_t at) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  for (char c = 0; file.get(c); ++at)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) break;
  return at;
}

Corpus of_file(const fs::path& path, const CorpusOptions& options) {
  if (path.extension() == ".gz")
    fail("data.source",
         "{} is packed and cannot be cut into parts: unpack it, or give a folder with train.txt, valid.txt",
         path.string());
  if (!(options.validation >= 0 && options.test_share >= 0 && options.validation + options.test_share < 1))
    fail("data", "validation {} and test_share {} leave nothing to learn from", options.validation, options.test_share);
  const uint64_t size = fs::file_size(path);
  const auto cut = [&](double share) {
    return character_begin(path, static_cast<uint64_t>(std::floor(static_cast<double>(size) * share)));
  };
  const uint64_t test = options.test_share > 0 ? cut(1 - options.test_share) : size;
  const uint64_t validation = options.validation > 0 ? cut(1 - options.test_share - options.validation) : test;
  Corpus out{.train = {.file = path, .begin = 0, .end = validation}, .validation = {}, .test = {}};
  if (validation < test) out.validation = {path, validation, test};
  if (test < size) out.test = {path, test, size};
  return out;
}

Corpus of_folder(const fs::path& folder) {
  const auto part = [&](std::initializer_list<const char*> names) {
    std::error_code error;
    for (const char* name : names)
      for (const char* packed : {"", ".gz"})
        if (fs::path path = folder / (std::string(name) + packed); fs::is_regular_file(path, error))
          return TextPart{path};
    return TextPart{};
  };
  Corpus out{
      .train = part({"train.txt"}), .validation = part({"valid.txt", "validation.txt"}), .test = part({"test.txt"})};
  if (out.train.file.empty())
    fail(ErrorKind::file, folder.string(),
         "has no train.txt: a folder of running text has train.txt, valid.txt, test.txt");
  return out;
}

}  // namespace

Corpus find_corpus(const std::string& source, const CorpusOptions& options) {
  static const std::vector<std::string> running{"tinyshakespeare", "wikitext2"};
  const auto entry = std::ranges::find(catalog(), source, &CatalogEntry::name);
  std::error_code error;
  if (entry != catalog().end()) {
    if (std::ranges::find(running, source) == running.end())
      fail("data.source", "'{}' holds {}: a language model reads a running text, as in {}", source, entry->task,
           join(running));
    const fs::path home = options.data_folder.empty() ? data_folder("") : options.data_folder;
    if (!is_present(*entry, home))
      fail(ErrorKind::file, source,
           "is not in {} (looked for {}): put the files there by hand, or name another folder with --data or "
           "TANDEM_DATA",
           (home / entry->folder).string(), join(entry->files));
    return entry->files.size() == 1 ? of_file(home / entry->folder / entry->files[0], options)
                                    : load_corpus(source, home / entry->folder);
  }
  if (!fs::exists(source, error)) {
    const std::string near = nearest_name(source, running);
    fail("data.source", "'{}' is neither a running text nor a path{}; texts are {}", source,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(running));
  }
  return fs::is_directory(source, error) ? of_folder(source) : of_file(source, options);
}

}  // namespace tandem::data
