#include <omp.h>
#include <tandem/base/error.h>
#include <tandem/base/memory.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/onednn.h>

#include <list>
#include <map>
#include <mutex>
#include <unordered_map>

namespace tandem::kernels::onednn {
namespace {

// oneDNN asks OpenMP how many threads it may use, when it makes a primitive and when it runs one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

struct Reorder {
  dnnl::memory::desc from, to;
  dnnl::reorder primitive;
};

struct Cache {
  std::mutex mutex;
  std::map<Key, Prepared> primitives;
  std::list<Reorder> reorders;  // one for each layout of a weight: few
};

Cache& cache() {
  static auto* instance = new Cache;  // kept to the end: worker threads may still hold references at exit
  return *instance;
}

const dnnl::stream& stream() {
  thread_local const dnnl::stream instance(engine());
  return instance;
}

}  // namespace

const dnnl::engine& engine() {
  static const auto* instance = [] {
    apply_isa_limit();
    return new dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return *instance;
}

const Prepared& prepared(const Key& key, const std::function<Prepared()>& make) {
  Cache& c = cache();
  const std::scoped_lock lock(c.mutex);
  const auto found = c.primitives.find(key);
  if (found != c.primitives.end()) return found->second;
  const OneThread one;
  try {
    return c.primitives.emplace(key, make()).first->second;
  } catch (const dnnl::error& e) {
    fail(ErrorKind::internal, "oneDNN", "no kernel for this shape: {}", e.message);
  }
}

void run(const Prepared& prepared, std::initializer_list<Argument> arguments) {
  std::unordered_map<int, dnnl::memory> args;
  args.reserve(arguments.size() + 1);
  for (const Argument& a : arguments) args.emplace(a.name, dnnl::memory(a.layout, engine(), const_cast<void*>(a.data)));
  Block scratch;
  if (const size_t bytes = prepared.scratch.get_size(); bytes > 0) {
    scratch = Block(bytes);
    args.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(prepared.scratch, engine(), scratch.data()));
  }
  const OneThread one;
  prepared.primitive.execute(stream(), args);
}

void reorder(const dnnl::memory::desc& from, const void* source, const dnnl::memory::desc& to, void* target) {
  const OneThread one;
  const auto known = [&]() -> const dnnl::reorder& {
    Cache& c = cache();
    const std::scoped_lock lock(c.mutex);
    for (const Reorder& r : c.reorders)
      if (r.from == from && r.to == to) return r.primitive;
    const dnnl::reorder::primitive_desc made(engine(), from, engine(), to);
    return c.reorders.emplace_back(Reorder{from, to, dnnl::reorder(made)}).primitive;
  };
  dnnl::memory a(from, engine(), const_cast<void*>(source));
  dnnl::memory b(to, engine(), target);
  known().execute(stream(), a, b);
}

std::vector<std::string> implementations() {
  const std::scoped_lock lock(cache().mutex);
  std::vector<std::string> names;
  for (const auto& [key, value] : cache().primitives) names.push_back(value.implementation);
  return names;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory::desc layout(std::initializer_list<int64_t> dims, dnnl::memory::format_tag tag,
                          dnnl::memory::data_type type) {
  return {dnnl::memory::dims(dims), type, tag};
}

}  // namespace tandem::kernels::onednn
