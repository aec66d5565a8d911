#include "message.h"

#include <algorithm>

namespace i2::gateway {

void RequestBuilder::field(std::string_view name, std::string_view value) {
  if (error_) {
    return;
  }
  // RFC 9114 §4.2.2: a field counts with 32 bytes more than its text.
  constexpr std::size_t kOverhead = 32;
  size_ += name.size() + value.size() + kOverhead;
  if (++fields_ > limits_->headers_count_max || size_ > limits_->headers_size_max) {
    error_ = Error("gateway.headers_too_large",
                   "a request has at most " + std::to_string(limits_->headers_count_max) +
                       " header fields of " + std::to_string(limits_->headers_size_max) + " bytes");
    return;
  }
  if (name == ":method") {
    request_.method = parse_method(value);
    request_.method_text = value;
    seen_method_ = true;
  } else if (name == ":scheme") {
    request_.scheme = value;
  } else if (name == ":authority") {
    request_.authority = value;
  } else if (name == ":path") {
    request_.target = value;
  } else if (name == "host") {
    // RFC 9113 §8.3.1: :authority takes its place; two different ones are an attack.
    if (!request_.authority.empty() && request_.authority != value) {
      error_ = Error("gateway.request_malformed", "Host and :authority differ");
    } else {
      request_.authority = value;
    }
  } else if (!name.starts_with(':')) {
    request_.headers.add(name, std::string(value));
  }
}

void RequestBuilder::body(std::string_view bytes) {
  if (error_) {
    return;
  }
  if (request_.body.size() + bytes.size() > limits_->body_size_max) {
    error_ = Error("gateway.body_too_large",
                   "a body has at most " + std::to_string(limits_->body_size_max) + " bytes");
    request_.body.clear();
    return;
  }
  request_.body += bytes;
}

Result<Request> RequestBuilder::finish() {
  if (error_) {
    return fail(*error_);
  }
  if (!seen_method_ || request_.target.empty() || request_.authority.empty()) {
    return fail("gateway.request_malformed", "the request names no method, host or path");
  }
  return std::move(request_);
}

void OutgoingBody::push(std::string piece, bool end) {
  size_ += piece.size();
  if (!piece.empty()) {
    pieces_.push_back(std::move(piece));
  }
  ended_ = ended_ || end;
}

std::string OutgoingBody::take(std::size_t size_max) {
  std::string out;
  while (!pieces_.empty() && out.size() < size_max) {
    std::string& first = pieces_.front();
    if (offset_ == 0 && out.empty() && first.size() <= size_max) {
      out = std::move(first);
      pieces_.pop_front();
      continue;
    }
    const std::size_t size = std::min(size_max - out.size(), first.size() - offset_);
    out.append(first, offset_, size);
    offset_ += size;
    if (offset_ == first.size()) {
      offset_ = 0;
      pieces_.pop_front();
    }
  }
  size_ -= out.size();
  return out;
}

}  // namespace i2::gateway
