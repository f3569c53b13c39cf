#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/data/ink.h>
#include <tandem/deploy/http.h>
#include <tandem/deploy/picture.h>

namespace tandem::deploy {
namespace {

constexpr int64_t most_pixels = int64_t{1} << 24;  // of a picture that is sent: some 50 MB while it is decoded

}  // namespace

Form form_of(std::string_view word) {
  if (word.empty() || word == "picture") return Form::whole;
  if (word == "ink") return Form::ink;
  throw Refused(400, "form must be 'picture' or 'ink'");
}

Picture read_picture_file(const ServedModel& model, std::string_view bytes, Form form) {
  if (!std::holds_alternative<tasks::ImageInput>(model.model().input))
    throw Refused(400, fmt::format("the model takes {}, not pictures", kind_of(model.model().input)));
  const tasks::ImageInput& input = model.model().image();
  if (form == Form::ink && input.channels != 1)
    throw Refused(400, "this network takes pictures in colour: form must be 'picture'");
  try {
    const std::span file(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (const data::ImageInfo info = data::image_info(file, "the picture"); info.height > most_pixels / info.width)
      throw Refused(413, fmt::format("the picture has {} x {} pixels, at most {} million are taken", info.width,
                                     info.height, most_pixels >> 20));
    const Tensor image = data::decode_image(file, input.channels, "the picture");
    if (form == Form::ink) {
      const data::Ink ink = data::centre_ink(image, input.height, input.width);
      return {ink.pixels, ink.left, ink.top, ink.width, ink.height};
    }
    return {data::resize(image, input.height, input.width), 0, 0, static_cast<double>(image.size(1)),
            static_cast<double>(image.size(0))};
  } catch (const Error& e) {
    throw Refused(400, e.what());
  }
}

std::vector<float> floats_of(const Tensor& pixels) {
  const auto bytes = pixels.data<const uint8_t>();
  return {bytes.begin(), bytes.end()};
}

}  // namespace tandem::deploy
