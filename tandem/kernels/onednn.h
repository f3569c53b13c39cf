// The only door to oneDNN: one engine, primitives made once for a shape and kept, always run on one thread. Kernels cut
// their work into pieces by its size and run the pieces in parallel: oneDNN's own threading would let the number of
// threads change the order of sums.
#pragma once
#include <dnnl.hpp>

#include <array>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace tandem::kernels::onednn {

[[nodiscard]] const dnnl::engine& engine();

/// What a primitive is known by: kind and all sizes.
using Key = std::array<int64_t, 20>;

/// A primitive with the layouts that it wants for its arguments.
struct Prepared {
  dnnl::primitive primitive;
  dnnl::memory::desc src, weights, bias, dst, scratch;
  std::string implementation;
};

/// The primitive kept under `key`, made by `make` the first time (on one thread). Any thread may call.
[[nodiscard]] const Prepared& prepared(const Key& key, const std::function<Prepared()>& make);

struct Argument {
  int name;
  const dnnl::memory::desc& layout;
  const void* data;
};

/// Runs on the calling thread alone; scratch memory comes from the pool.
void run(const Prepared& prepared, std::initializer_list<Argument> arguments);

/// Copies between two layouts of the same array (a plain copy when they are equal).
void reorder(const dnnl::memory::desc& from, const void* source, const dnnl::memory::desc& to, void* target);

/// Names of the implementations in use, for tests and the bench: none should contain "ref".
[[nodiscard]] std::vector<std::string> implementations();

[[nodiscard]] dnnl::primitive_attr user_scratchpad();
[[nodiscard]] dnnl::memory::desc layout(std::initializer_list<int64_t> dims, dnnl::memory::format_tag tag,
                                        dnnl::memory::data_type type = dnnl::memory::data_type::f32);

}  // namespace tandem::kernels::onednn
