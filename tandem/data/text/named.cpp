#include <tandem/base/error.h>
#include <tandem/data/formats/csv.h>
#include <tandem/data/text/named.h>
#include <tandem/data/text/texts.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace tandem::data {
namespace {

/// One sentence a line, tokenised before; Windows-1252, in which the line's end is \n alone: 0x85 stands inside lines.
Splits load_mr(const fs::path& folder) {
  Dataset all{.inputs = {}, .labels = {}, .classes = {"negative", "positive"}, .source = folder.string()};
  Texts texts;
  for (const auto& [file, label] : {std::pair{"rt-polarity.neg", 0}, std::pair{"rt-polarity.pos", 1}})
    for (std::string& line : read_lines(folder / file, {.encoding = Encoding::windows_1252})) {
      texts.push_back(std::move(line));
      all.labels.push_back(label);
    }
  all.inputs = std::move(texts);
  return {.train = std::move(all), .validation = {}, .test = {}};
}

Splits load_chnsenticorp(const fs::path& folder, uint64_t seed) {
  const fs::path file = folder / "ChnSentiCorp_htl_all.csv";
  const Csv csv = Csv::read(file);
  const int64_t label = csv.column("label"), review = csv.column("review");
  Dataset all{.inputs = {}, .labels = {}, .classes = {"negative", "positive"}, .source = folder.string()};
  Texts texts;
  for (int64_t row = 0; row < csv.rows(); ++row) {
    if (csv.cell(row, review).empty()) continue;  // the file has one such row
    if (csv.cell(row, label) != "0" && csv.cell(row, label) != "1")
      fail(ErrorKind::data, file.string(), "line {}: the label is '{}', expected 0 or 1", csv.line(row),
           csv.cell(row, label));
    texts.emplace_back(csv.cell(row, review));
    all.labels.push_back(csv.cell(row, label) == "1" ? 1 : 0);
  }
  all.inputs = std::move(texts);
  Splits out;
  Dataset rest;
  std::tie(rest, out.test) = split(all, 0.1, seed + 0x7e57);
  std::tie(out.train, out.validation) = split(rest, 1.0 / 9, seed);
  return out;
}

Splits load_clinc(const fs::path& folder) {
  const fs::path file = folder / "data_full.json";
  nlohmann::json all;
  std::map<std::string, int32_t> intents;
  Splits out;
  try {
    all = nlohmann::json::parse(read_text(file));
    for (const auto& row : all.at("train")) intents[row.at(1)] = 0;
    std::vector<std::string> classes;
    for (auto& [name, label] : intents) {
      label = static_cast<int32_t>(classes.size());
      classes.push_back(name);
    }
    intents["oos"] = static_cast<int32_t>(classes.size());
    classes.emplace_back("oos");
    for (const auto& [name, set] : {std::pair{"train", &out.train}, {"val", &out.validation}, {"test", &out.test}}) {
      set->classes = classes;
      set->source = folder.string();
      Texts texts;
      for (const std::string& key : {std::string(name), std::string("oos_") + name})
        for (const auto& row : all.at(key)) {
          texts.push_back(row.at(0));
          set->labels.push_back(intents.at(row.at(1)));
        }
      set->inputs = std::move(texts);
    }
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::data, file.string(), "is not what clinc150 has: {}", e.what());
  } catch (const std::out_of_range&) {
    fail(ErrorKind::data, file.string(), "has an intent that its training part does not have");
  }
  return out;
}

}  // namespace

Splits load_named_texts(const std::string& name, const fs::path& folder, uint64_t seed) {
  if (name == "mr_polarity") return load_mr(folder);
  if (name == "chnsenticorp") return load_chnsenticorp(folder, seed);
  if (name == "banking77") return load_texts(folder, {.column = "text", .label = "category"});
  if (name == "clinc150") return load_clinc(folder);
  fail("data", "{} is text without classes: for a language model or translation, not for classification", name);
}

Corpus corpus_of(const fs::path& file, double validation) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(file, error);
  if (error) fail(ErrorKind::file, file.string(), "cannot be read: {}", error.message());
  if (file.extension() == ".gz")
    fail(ErrorKind::data, file.string(), "is packed: unpack it first, so that it can be divided");
  auto cut = static_cast<uint64_t>(static_cast<double>(bytes) * (1 - validation));
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(cut));
  while (cut < bytes && (static_cast<unsigned>(in.get()) & 0xc0U) == 0x80U) ++cut;  // never inside a character
  return {.train = {file, 0, cut}, .validation = {file, cut, bytes}, .test = {}};
}

Corpus load_corpus(const std::string& name, const fs::path& folder) {
  if (name == "tinyshakespeare") return corpus_of(folder / "input.txt");
  if (name == "wikitext2") return {{folder / "train.txt"}, {folder / "valid.txt"}, {folder / "test.txt"}};
  fail("data", "{} is no running text: these are tinyshakespeare and wikitext2", name);
}

}  // namespace tandem::data
