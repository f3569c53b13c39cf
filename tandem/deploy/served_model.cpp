#include <openssl/evp.h>
#include <tandem/base/denormals.h>
#include <tandem/deploy/served_model.h>
#include <tandem/nn/inference.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tandem::deploy {
namespace {

constexpr int64_t most_at_once = 256;  // as Classifier::predict does

std::string digest_of(const fs::path& file) {
  const std::vector<uint8_t> bytes = read_file(file);
  std::array<unsigned char, 32> sum{};
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), nullptr, EVP_sha256(), nullptr) != 1)
    fail(ErrorKind::internal, "digest", "SHA-256 is not to be had from this OpenSSL");
  std::string out;
  for (size_t i = 0; i < 8; ++i) out += fmt::format("{:02x}", sum[i]);
  return out;
}

}  // namespace

std::shared_ptr<const ServedModel> ServedModel::load(const fs::path& file, const std::string& name,
                                                     const std::string& version) {
  const std::shared_ptr<ServedModel> out(new ServedModel);
  out->name_ = name;
  out->digest_ = digest_of(file);
  out->model_ = tasks::Classifier::load(file);
  if (digest_of(file) != out->digest_)
    fail(ErrorKind::file, file.string(), "changed while it was read: write model files aside and rename them");
  const int64_t number = people::version_of(out->model_).number;
  out->version_ = !version.empty() ? version : std::to_string(std::max<int64_t>(1, number));
  out->ready_ = nn::for_inference(out->model_.net);
  try {
    const std::vector<float> grey(static_cast<size_t>(out->model_.image().shape().numel()), 128.0F);
    (void)out->predict(grey, 1);
  } catch (const Error& e) {
    fail(ErrorKind::data, file.string(), "does not answer a grey picture: {}", e.what());
  }
  return out;
}

Answer ServedModel::predict(std::span<const float> pixels, int64_t n) const {
  const FlushDenormals flush;
  const tasks::ImageInput& input = model_.image();
  const auto channels = static_cast<size_t>(input.channels);
  const auto size = static_cast<size_t>(input.shape().numel());
  std::array<float, 4> scale{}, shift{};  // the same rounding as tasks::make_batch
  for (size_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(1.0 / input.std[c]);
    shift[c] = static_cast<float>(-input.mean[c] / input.std[c]);
  }
  Answer out;
  out.probabilities.reserve(static_cast<size_t>(n * classes()));
  for (int64_t first = 0; first < n; first += most_at_once) {
    const int64_t rows = std::min(most_at_once, n - first);
    const std::span<const float> from =
        pixels.subspan(static_cast<size_t>(first) * size, static_cast<size_t>(rows) * size);
    Tensor x = Tensor::empty({rows, input.height, input.width, input.channels});
    const std::span<float> into = x.data<float>();
    for (size_t i = 0; i < from.size(); i += channels)
      for (size_t c = 0; c < channels; ++c) into[i + c] = from[i + c] / 255.0F * scale[c] + shift[c];
    const evaluate::Outputs outputs = model_.outputs(ready_, {x});
    const Tensor p = model_.confidence ? model_.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
    const auto values = p.data<const float>();
    if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
      fail(ErrorKind::numeric, name_, "its answer is not finite");
    out.probabilities.insert(out.probabilities.end(), values.begin(), values.end());
    if (!model_.confidence) continue;
    const auto verdicts = model_.confidence->judge(outputs);
    out.verdicts.insert(out.verdicts.end(), verdicts.begin(), verdicts.end());
  }
  return out;
}

}  // namespace tandem::deploy
