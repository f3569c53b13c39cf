#include <tandem/base/error.h>
#include <tandem/data/text/stored.h>
#include <tandem/data/text/unicode.h>

namespace tandem::data {

void put_texts(TensorFile& file, const std::string& name, const Texts& texts) {
  std::vector<uint8_t> bytes;
  std::vector<int64_t> ends;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(std::ssize(bytes));
  }
  file.tensors.emplace_back(name, Tensor::from(bytes, {std::ssize(bytes)}));
  file.tensors.emplace_back(name + ".ends", Tensor::from(ends, {std::ssize(ends)}));
}

Texts texts_in(const TensorFile& file, const std::string& name, const std::string& where, const std::string& remedy) {
  const Tensor bytes = file.find(name), ends = file.find(name + ".ends");
  const auto is = [](const Tensor& t, DType type) { return t.defined() && t.dtype() == type && t.rank() == 1; };
  if (!is(bytes, DType::u8) || !is(ends, DType::i64))
    fail(ErrorKind::data, where, "has no {} as it was written: {}", name, remedy);
  const std::string all(bytes.data<const uint8_t>().begin(), bytes.data<const uint8_t>().end());
  Texts out;
  int64_t begin = 0;
  for (const int64_t end : ends.data<const int64_t>()) {
    if (end < begin || end > std::ssize(all))
      fail(ErrorKind::data, where, "has texts in {} that end before they begin: {}", name, remedy);
    out.push_back(all.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    check_utf8(out.back(), where);
    begin = end;
  }
  return out;
}

}  // namespace tandem::data
