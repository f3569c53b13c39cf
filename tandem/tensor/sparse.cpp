#include <tandem/base/checked.h>
#include <tandem/base/config.h>
#include <tandem/tensor/sparse.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <map>
#include <numeric>
#include <utility>

namespace tandem {
namespace {

constexpr const char* key = "tandem.sparse";
constexpr size_t worth = 1024;  // bytes of a tensor: names and checksums of two take some 300
const std::string mask_end = ".mask", values_end = ".values";

size_t mask_bytes(int64_t elements) { return static_cast<size_t>(elements / 8 + (elements % 8 != 0 ? 1 : 0)); }

bool has_bit(std::span<const uint8_t> mask, size_t i) { return (mask[i / 8] >> (i % 8) & 1U) != 0; }

/// Whether an element of the tensor is zero, as its number and not as its bytes: -0 is.
std::vector<bool> zeros_of(const Tensor& t) {
  std::vector<bool> out(static_cast<size_t>(t.numel()));
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = t.dtype() == DType::i8 ? t.data<const int8_t>()[i] == 0 : t.data<const float>()[i] == 0;
  return out;
}

/// Mask and values, when they take less than half.
std::vector<Tensor> parts_of(const Tensor& t) {
  if ((t.dtype() != DType::f32 && t.dtype() != DType::i8) || t.byte_count() < worth) return {};
  const std::vector<bool> zero = zeros_of(t);
  const int64_t kept = std::ranges::count(zero, false);
  const size_t size = size_of(t.dtype());
  if (2 * (mask_bytes(t.numel()) + static_cast<size_t>(kept) * size) >= t.byte_count()) return {};
  Tensor mask = Tensor::zeros({static_cast<int64_t>(mask_bytes(t.numel()))}, DType::u8);
  Tensor values = Tensor::empty({kept}, t.dtype());
  const auto* from = static_cast<const uint8_t*>(t.bytes());
  auto* into = static_cast<uint8_t*>(values.bytes());
  for (size_t i = 0; i < zero.size(); ++i) {
    if (zero[i]) continue;
    mask.data<uint8_t>()[i / 8] |= static_cast<uint8_t>(1U << (i % 8));
    std::memcpy(into, from + i * size, size);
    into += size;
  }
  return {mask, values};
}

Shape shape_of(const std::string& name, const Config& list, const std::string& where) {
  try {
    std::vector<int64_t> sizes;
    int64_t elements = 1;
    for (const Config& item : list.items()) {
      const std::string text = item.text();
      int64_t size = -1;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
      if (error != std::errc() || end != text.data() + text.size()) size = -1;
      elements = checked_mul(elements, size, "shape");
      sizes.push_back(size);
    }
    return Shape(sizes);
  } catch (const Error& e) {
    fail(ErrorKind::data, where, "the sparse tensor '{}' has an impossible shape ({})", name, e.what());
  }
}

Tensor whole(const std::string& name, const Shape& shape, const Tensor& mask, const Tensor& values,
             const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    fail(ErrorKind::data, where, "the sparse tensor '{}' of shape {} {}", name, shape, why);
  };
  if (!mask.defined() || !values.defined()) refuse("has no '.mask' or no '.values'");
  if (mask.dtype() != DType::u8 || mask.byte_count() != mask_bytes(shape.numel()))
    refuse(fmt::format("has a mask of {} bytes in {}, expected {} in uint8", mask.byte_count(), name_of(mask.dtype()),
                       mask_bytes(shape.numel())));
  if (values.dtype() != DType::f32 && values.dtype() != DType::i8)
    refuse(fmt::format("has values of {}, expected float32 or int8", name_of(values.dtype())));
  const auto bits = mask.data<const uint8_t>();
  const auto elements = static_cast<size_t>(shape.numel());
  const int64_t kept = std::accumulate(bits.begin(), bits.end(), int64_t{0},
                                       [](int64_t n, uint8_t byte) { return n + std::popcount(byte); });
  for (size_t i = elements; i < 8 * bits.size(); ++i)
    if (has_bit(bits, i)) refuse(fmt::format("has a mask with bit {}, behind its last element", i));
  if (values.numel() != kept)
    refuse(fmt::format("has {} values, expected {}, one for each bit of its mask", values.numel(), kept));
  Tensor out = Tensor::zeros(shape, values.dtype());
  const size_t size = size_of(values.dtype());
  const auto* from = static_cast<const uint8_t*>(values.bytes());
  for (size_t i = 0; i < elements; ++i) {
    if (!has_bit(bits, i)) continue;
    std::memcpy(static_cast<uint8_t*>(out.bytes()) + i * size, from, size);
    from += size;
  }
  return out;
}

}  // namespace

void compact(TensorFile& file) {
  Config shapes = Config::map();
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (auto& [name, tensor] : file.tensors) {
    const std::vector<Tensor> parts = parts_of(tensor);
    if (parts.empty()) {
      tensors.emplace_back(std::move(name), std::move(tensor));
      continue;
    }
    Config sizes = Config::list();
    for (const int64_t size : tensor.shape()) sizes.push(Config::scalar(std::to_string(size)));
    shapes.put(name, sizes);
    tensors.emplace_back(name + mask_end, parts[0]);
    tensors.emplace_back(name + values_end, parts[1]);
  }
  file.tensors = std::move(tensors);
  if (!shapes.entries().empty()) file.metadata[key] = shapes.str();
}

void expand(TensorFile& file, const std::string& where) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return;
  const Config shapes = [&] {
    try {
      return Config::parse(found->second, where + " (sparse)");
    } catch (const Error& e) {
      fail(ErrorKind::data, where, "its list of sparse tensors cannot be read: {}", e.what());
    }
  }();
  if (!shapes.is_map()) fail(ErrorKind::data, where, "its list of sparse tensors is none: expected names with shapes");
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < file.tensors.size(); ++i) places.emplace(file.tensors[i].first, i);
  const auto take = [&](const std::string& name) {
    const auto place = places.find(name);
    return place == places.end() ? Tensor{} : std::exchange(file.tensors[place->second].second, Tensor{});
  };
  for (const auto& [name, sizes] : shapes.entries()) {
    if (places.contains(name)) fail(ErrorKind::data, where, "tensor '{}' stands there twice: whole, and sparse", name);
    const Shape shape = shape_of(name, sizes, where);
    const Tensor mask = take(name + mask_end), values = take(name + values_end);
    const Tensor tensor = whole(name, shape, mask, values, where);
    file.tensors[places.at(name + mask_end)] = {name, tensor};
  }
  std::erase_if(file.tensors, [](const auto& t) { return !t.second.defined(); });
  file.metadata.erase(found);
}

}  // namespace tandem
