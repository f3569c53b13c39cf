// The memory pool: freed blocks are kept by size and handed out again, so that a training step allocates nothing once
// it has run a few times.
#pragma once
#include <cstddef>
#include <memory>

namespace tandem {

/// A block of at least `bytes` bytes, aligned to 64; contents undefined. Returned to the pool by the destructor.
/// Any thread may take and return blocks. Throws std::bad_alloc.
class Block {
 public:
  Block() = default;
  explicit Block(size_t bytes);
  ~Block();
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  [[nodiscard]] void* data() const noexcept { return data_; }
  template <class T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

/// Gives the kept blocks back to the system.
void trim_memory_pool() noexcept;

/// Bytes in use now, and the most there were.
struct MemoryUse {
  size_t now = 0;
  size_t peak = 0;
};
[[nodiscard]] MemoryUse memory_use() noexcept;

}  // namespace tandem
