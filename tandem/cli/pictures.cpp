#include <tandem/cli/pictures.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/evaluate/report.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace tandem::cli {
namespace {

std::vector<std::string> expand(const std::vector<std::string>& inputs) {
  std::vector<std::string> out;
  for (const std::string& input : inputs) {
    if (input == "-" || !fs::is_directory(input)) {
      out.push_back(input);
      continue;
    }
    std::vector<std::string> inside;
    std::error_code error, dangling;
    for (fs::recursive_directory_iterator at(input, error), end; !error && at != end; at.increment(error)) {
      std::string ending = at->path().extension().string();
      std::ranges::transform(ending, ending.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if ((ending == ".png" || ending == ".jpg" || ending == ".jpeg") && at->is_regular_file(dangling))
        inside.push_back(at->path().string());
    }
    if (error) fail(ErrorKind::file, input, "cannot be read to its end: {}", error.message());
    if (inside.empty()) fail(ErrorKind::data, input, "holds no .png, .jpg or .jpeg file");
    std::ranges::sort(inside);
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
}

std::vector<uint8_t> read_input(const std::string& name) {
  if (name != "-") return read_file(name, uint64_t{1} << 30);
  std::vector<uint8_t> bytes;
  uint8_t piece[65536];
  for (ssize_t got = 0; (got = ::read(STDIN_FILENO, piece, sizeof piece)) > 0;)
    bytes.insert(bytes.end(), piece, piece + got);
  return bytes;
}

}  // namespace

std::string padded(const std::string& text, int64_t width) {
  return text + std::string(static_cast<size_t>(std::max<int64_t>(0, width - evaluate::display_width(text))), ' ');
}

Pictures read_pictures(const tasks::Classifier& model, const std::vector<std::string>& inputs, bool invert) {
  Pictures out{.names = expand(inputs), .set = {}};
  out.set.classes = model.classes;
  out.set.labels.assign(out.names.size(), 0);
  out.set.inputs = Tensor::empty(
      {std::ssize(out.names), model.image().height, model.image().width, model.image().channels}, DType::u8);
  for (size_t i = 0; i < out.names.size(); ++i) {
    const std::string& name = out.names[i];
    Tensor image = data::decode_image(read_input(name), model.image().channels, name == "-" ? "standard input" : name);
    if (invert)
      std::ranges::transform(image.data<uint8_t>(), image.data<uint8_t>().begin(),
                             [](uint8_t v) { return static_cast<uint8_t>(255 - v); });
    image = data::resize(image, model.image().height, model.image().width);
    std::memcpy(out.set.pixels().data<uint8_t>().data() + i * image.byte_count(), image.bytes(), image.byte_count());
  }
  return out;
}

}  // namespace tandem::cli
