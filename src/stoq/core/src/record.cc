#include <i2/base/assert.h>
#include <i2/stoq/core/record.h>
#include <i2/wire/reader.h>

#include <algorithm>

namespace i2::stoq::core {

void append_record_head(Bytes& out, std::uint64_t type, std::uint64_t size) {
  wire::Writer writer(out);
  writer.varint(type);
  writer.varint(size);
}

void append_record(Bytes& out, std::uint64_t type, ByteView body) {
  append_record_head(out, type, body.size());
  append(out, body);
}

std::optional<RecordHead> RecordReader::next_head(ByteView& input) {
  I2_ASSERT(!current_);
  while (!input.empty()) {
    head_[head_size_++] = input.front();
    input = input.subspan(1);
    wire::Reader reader(ByteView(head_).first(head_size_));
    RecordHead head;
    head.type = reader.varint();
    head.size = reader.varint();
    if (reader.ok()) {
      head_size_ = 0;
      return head;
    }
  }
  return std::nullopt;
}

Result<std::optional<Record>> RecordReader::next(ByteView& input) {
  for (;;) {
    if (!current_) {
      current_ = next_head(input);
      if (!current_) {
        return std::nullopt;
      }
      if (current_->size > limits_.body_max) {
        return fail("stoq.message_too_large",
                    "a record of " + std::to_string(current_->size) + " bytes; at most " +
                        std::to_string(limits_.body_max) + " are accepted here");
      }
      taken_ = 0;
      body_.clear();
    }
    const bool known = current_->type != 0 && current_->type <= limits_.type_max;
    const std::size_t take = std::min<std::uint64_t>(input.size(), current_->size - taken_);
    if (known) {
      append(body_, input.first(take));
    }
    taken_ += take;
    input = input.subspan(take);
    if (taken_ < current_->size) {
      return std::nullopt;
    }
    Record record{current_->type, std::move(body_)};
    body_ = {};
    current_.reset();
    if (known) {
      return record;
    }
  }
}

}  // namespace i2::stoq::core
