#include "engine/train/double_buffer.h"

namespace chainrule::engine {

std::span<float> DoubleBuffer::next() {
  if (in_place()) return owned_->span();
  if (next_ == nullptr) {
    const int64_t blocks = static_cast<int64_t>(current_->size()) / network_.block_size();
    next_ = std::make_shared<AlignedBuffer>(network_.UnsetBlocks(blocks));
  }
  return next_->span();
}

void DoubleBuffer::Swap() {
  if (in_place()) return;
  std::shared_ptr<AlignedBuffer> before = std::move(owned_);
  current_ = next_;
  owned_ = std::move(next_);
  next_ = std::move(before);
}

int64_t DoubleBuffer::bytes() const {
  const int blocks = owned_ != nullptr && next_is_ == Next::kBeside ? 2 : 1;
  return blocks * static_cast<int64_t>(current_->size() * sizeof(float));
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
