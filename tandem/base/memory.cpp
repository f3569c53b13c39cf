#include <malloc.h>
#include <sys/mman.h>
#include <tandem/base/memory.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace tandem {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool keep_blocks = false;  // so that the sanitiser sees a use after free
#else
constexpr bool keep_blocks = true;
#endif

constexpr size_t large_page = size_t{1} << 21;

// Sizes grow by steps of an eighth of their power of two: at most 12.5 % is wasted and similar sizes share blocks.
size_t rounded(size_t bytes) {
  if (bytes <= 64) return 64;
  const size_t step = std::max<size_t>(64, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

// The number of a rounded size: eight for each power of two above 64.
size_t class_of(size_t rounded_bytes) {
  const auto power = static_cast<size_t>(std::bit_width(rounded_bytes) - 1);
  return (power - 6) * 8 + (rounded_bytes - (size_t{1} << power)) / std::max<size_t>(1, (size_t{1} << power) / 8);
}

struct Pool {
  std::mutex mutex;
  std::array<std::vector<void*>, (48 - 6) * 8> kept;  // by class_of
  MemoryUse use;
};

Pool& pool() {
  static auto* instance = new Pool;  // never destroyed: tensors in static storage return blocks at exit
  return *instance;
}

}  // namespace

Block::Block(size_t bytes) : bytes_(rounded(bytes)) {
  if (bytes > size_t{1} << 46) throw std::bad_alloc();
  {
    Pool& p = pool();
    const std::scoped_lock lock(p.mutex);
    if (auto& kept = p.kept[class_of(bytes_)]; !kept.empty()) {
      data_ = kept.back();
      kept.pop_back();
    }
    p.use.now += bytes_;
    p.use.peak = std::max(p.use.peak, p.use.now);
  }
  if (data_) return;
  const size_t alignment = bytes_ >= large_page ? large_page : 64;
  data_ = std::aligned_alloc(alignment, (bytes_ + alignment - 1) / alignment * alignment);
  if (!data_) {
    trim_memory_pool();
    data_ = std::aligned_alloc(alignment, (bytes_ + alignment - 1) / alignment * alignment);
  }
  if (!data_) {
    const std::scoped_lock lock(pool().mutex);
    pool().use.now -= bytes_;
    throw std::bad_alloc();
  }
  if (bytes_ >= large_page) madvise(data_, bytes_, MADV_HUGEPAGE);  // advice: a refusal costs only speed
}

Block::~Block() {
  if (!data_) return;
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  p.use.now -= bytes_;
  if (keep_blocks)
    p.kept[class_of(bytes_)].push_back(data_);
  else
    std::free(data_);
}

Block::Block(Block&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Block& Block::operator=(Block&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void trim_memory_pool() noexcept {
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  for (auto& blocks : p.kept) {
    for (void* block : blocks) std::free(block);
    blocks.clear();
  }
#ifdef __GLIBC__
  malloc_trim(0);  // free() alone keeps what lies between blocks in use
#endif
}

MemoryUse memory_use() noexcept {
  const std::scoped_lock lock(pool().mutex);
  return pool().use;
}

}  // namespace tandem
