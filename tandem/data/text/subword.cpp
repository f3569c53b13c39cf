#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>
#include <tandem/base/error.h>
#include <tandem/base/protobuf.h>
#include <tandem/base/text.h>
#include <tandem/data/text/subword.h>
#include <tandem/data/text/unicode.h>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace tandem::data {

struct Subword::Model {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

constexpr int64_t specials = 3;

class Texts final : public sentencepiece::SentenceIterator {
 public:
  explicit Texts(std::span<const std::string> texts) : texts_(texts) {}
  [[nodiscard]] bool done() const override { return at_ >= texts_.size(); }
  void Next() override { ++at_; }
  [[nodiscard]] const std::string& value() const override { return texts_[at_]; }
  [[nodiscard]] sentencepiece::util::Status status() const override { return {}; }

 private:
  std::span<const std::string> texts_;
  size_t at_ = 0;
};

// SentencePiece's own reader ends the program at a piece that holds a zero byte: what its model file holds is looked at
// first. Fields 1 of the model are its pieces, fields 1 of those their text (sentencepiece_model.proto).
void check_pieces(std::string_view model, const std::string& where) {
  for (const protobuf::Field& part : protobuf::fields_of(model, where)) {
    if (part.field != 1) continue;
    for (const protobuf::Field& f : protobuf::fields_of(part.bytes, where))
      if (f.field == 1 && f.bytes.find('\0') != std::string_view::npos)
        fail(ErrorKind::data, where, "the subword model is damaged: a piece of it holds a zero byte");
  }
}

}  // namespace

Subword Subword::train(const std::string& type, int64_t size, std::span<const std::string> texts) {
  // What SentencePiece would end the process for is asked before it is called.
  std::set<char32_t> known;
  size_t longest = 0;
  for (const std::string& text : texts) {
    longest = std::max(longest, text.size());
    for (size_t at = 0; at < text.size();)
      if (const char32_t c = next_character(text, at); !is_space(c)) known.insert(c);
  }
  if (known.empty()) fail(ErrorKind::data, "tokenizer", "the texts hold no character: nothing to learn pieces from");
  const auto least = static_cast<int64_t>(known.size()) + specials + 2;  // and the mark of a blank
  if (size < least)
    fail("tokenizer",
         "a vocabulary of {} has no room for the {} different characters of the texts: set it to {} or more", size,
         grouped(static_cast<int64_t>(known.size())), grouped(least));

  const std::unordered_map<std::string, std::string> options{
      {"model_type", type},
      {"vocab_size", std::to_string(size)},
      {"hard_vocab_limit", "false"},
      {"character_coverage", "1.0"},
      {"normalization_rule_name", "identity"},  // texts come normalised
      {"max_sentence_length", std::to_string(std::clamp<size_t>(longest + 1, 10, size_t{1} << 30))},
      {"input_sentence_size", "0"},
      {"num_threads", "1"},  // sums in one order
      {"minloglevel", "2"},
  };
  Texts source(texts);
  std::string made;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &source, &made);
  if (!status.ok()) fail("tokenizer", "no {} model could be trained: {}", type, status.ToString());
  return restore({reinterpret_cast<const uint8_t*>(made.data()), made.size()}, "tokenizer");
}

Subword Subword::restore(std::span<const uint8_t> bytes, const std::string& where) {
  check_pieces({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, where);
  auto model = std::make_shared<Model>();
  const auto status =
      model->processor.LoadFromSerializedProto({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto& p = model->processor;
  if (bytes.empty() || !status.ok())
    fail(ErrorKind::data, where, "the subword model is damaged: {}", bytes.empty() ? "it is empty" : status.ToString());
  if (p.unk_id() != 0 || p.bos_id() != 1 || p.eos_id() != 2)
    fail(ErrorKind::data, where, "the subword model has <unk>, <s>, </s> at {}, {}, {}; expected 0, 1, 2", p.unk_id(),
         p.bos_id(), p.eos_id());
  Subword out;
  out.model_ = std::move(model);
  return out;
}

std::vector<uint8_t> Subword::bytes() const {
  const std::string proto = model_->processor.serialized_model_proto();
  return {proto.begin(), proto.end()};
}

int64_t Subword::size() const { return model_->processor.GetPieceSize(); }

std::string Subword::piece(int64_t id) const { return model_->processor.IdToPiece(static_cast<int>(id)); }

std::vector<int32_t> Subword::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto status = model_->processor.Encode({text.data(), text.size()}, &ids);
  if (!status.ok()) fail(ErrorKind::data, "tokenizer", "a text could not be cut: {}", status.ToString());
  return {ids.begin(), ids.end()};
}

std::string Subword::decode(std::span<const int32_t> ids) const {
  std::string text;
  const auto status = model_->processor.Decode(std::vector<int>(ids.begin(), ids.end()), &text);
  if (!status.ok()) fail(ErrorKind::data, "tokenizer", "tokens could not be put together: {}", status.ToString());
  return text;
}

}  // namespace tandem::data
