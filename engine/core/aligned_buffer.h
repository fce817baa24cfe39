// AlignedBuffer: owns `size` floats, zero at first unless told, 64-byte aligned (a cache
// line, and the widest vector).  Movable, not copyable.  Thread-compatible.
#ifndef CHAINRULE_ENGINE_CORE_ALIGNED_BUFFER_H_
#define CHAINRULE_ENGINE_CORE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <memory>
#include <span>

namespace chainrule::engine {

inline constexpr size_t kAlignmentBytes = 64;

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws std::bad_alloc, like new; limits are checked before it comes to that.
  explicit AlignedBuffer(size_t size);
  // The same, of any values, for who writes them all. Without NDEBUG they are NaN, so that it
  // shows who does not.
  static AlignedBuffer Unset(size_t size);

  size_t size() const { return size_; }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::span<float> span() { return {data_.get(), size_}; }
  std::span<const float> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  size_t size_ = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_ALIGNED_BUFFER_H_
