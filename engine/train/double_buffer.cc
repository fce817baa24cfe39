#include "engine/train/double_buffer.h"

namespace chainrule::engine {

std::span<float> DoubleBuffer::next() {
  if (next_ == nullptr) next_ = std::make_shared<AlignedBuffer>(current_->size());
  return next_->span();
}

void DoubleBuffer::Swap() {
  std::shared_ptr<AlignedBuffer> before = std::move(owned_);
  current_ = next_;
  owned_ = std::move(next_);
  next_ = std::move(before);
}

std::shared_ptr<const AlignedBuffer> DoubleBuffer::Share() {
  owned_ = nullptr;
  return current_;
}

void DoubleBuffer::Reset(std::shared_ptr<const AlignedBuffer> current) {
  owned_ = nullptr;
  current_ = std::move(current);
}

}  // namespace chainrule::engine
