#include <tandem/base/file_names.h>
#include <tandem/train/checkpoints.h>

#include <algorithm>
#include <cmath>

namespace tandem::train {
namespace {

void check_finite(const TensorFile& state) {
  const auto finite = [](auto values) { return std::ranges::all_of(values, [](auto v) { return std::isfinite(v); }); };
  for (const auto& [name, tensor] : state.tensors)
    if ((tensor.dtype() == DType::f32 && !finite(tensor.data<const float>())) ||
        (tensor.dtype() == DType::f64 && !finite(tensor.data<const double>())))
      fail(ErrorKind::numeric, "checkpoint",
           "tensor '{}' is no longer finite: this state is not kept, the last good one stays", name);
}

// Written and not yet in its place; gone when that fails.
struct Next {
  fs::path file;
  ~Next() {
    std::error_code ignored;
    fs::remove(file, ignored);
  }
};

}  // namespace

Checkpoints::Checkpoints(fs::path folder) : folder_(std::move(folder)) {
  const Next left_by_a_crash{at("next")};
  remove_parts(folder_);
}

void Checkpoints::save(const TensorFile& state, bool best) {
  check_finite(state);
  const Next next{at("next")};
  write_safetensors(next.file, state);
  if (whole_) copy_name(at("last"), at("previous"));
  move_file(next.file, at("last"));
  whole_ = true;
  if (best) copy_name(at("last"), at("best"));
}

Checkpoints::Found Checkpoints::newest() {
  try {
    Found out{read_safetensors(at("last")), at("last"), ""};
    whole_ = true;
    return out;
  } catch (const Error& last) {
    try {
      return {read_safetensors(at("previous")), at("previous"),
              fmt::format("{}\ngoing on from the checkpoint before it", last.what())};
    } catch (const Error&) {
      throw last;
    }
  }
}

}  // namespace tandem::train
