#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/state_tree.h>
#include <i2/wire/reader.h>

#include <algorithm>
#include <bit>

namespace i2::fleet {
namespace {

using Node = StateTree::Node;
using NodePtr = std::shared_ptr<const Node>;

constexpr std::string_view kStateDomain = "i2/state/v1";
constexpr std::uint8_t kLeafTag = 0;
constexpr std::uint8_t kInnerTag = 1;
// Each byte of a key is nine bits: 1 "there is a byte", then the byte. So no key is a prefix of
// another one, and the order of the bits is the order of the bytes.
constexpr std::size_t kBitsPerByte = 9;

bool bit_of(ByteView key, std::size_t at) {
  const std::size_t index = at / kBitsPerByte;
  if (index >= key.size()) {
    return false;
  }
  const std::size_t within = at % kBitsPerByte;
  return within == 0 || ((key[index] >> (8 - within)) & 1) != 0;
}

// The first bit in which they differ; none when they are equal.
std::optional<std::uint16_t> first_difference(ByteView a, ByteView b) {
  const auto [in_a, in_b] = std::ranges::mismatch(a, b);
  const auto index = static_cast<std::size_t>(in_a - a.begin());
  if (in_a == a.end() && in_b == b.end()) {
    return std::nullopt;
  }
  std::size_t at = index * kBitsPerByte;
  if (in_a != a.end() && in_b != b.end()) {
    at += 1 + static_cast<std::size_t>(
                  std::countl_zero(static_cast<std::uint8_t>(a[index] ^ b[index])));
  }
  return static_cast<std::uint16_t>(at);
}

NodePtr make_leaf(ByteView key, ByteView value) {
  auto out = std::make_shared<Node>();
  out->key = to_bytes(key);
  out->value = to_bytes(value);
  return out;
}

NodePtr make_inner(std::uint16_t bit, NodePtr left, NodePtr right) {
  auto out = std::make_shared<Node>();
  out->bit = bit;
  out->count = left->count + right->count;
  out->left = std::move(left);
  out->right = std::move(right);
  return out;
}

const Hash256& hash_of(const Node& node) {
  if (!node.hashed) {
    node.hash = node.is_leaf()
                    ? leaf_hash(node.key, node.value)
                    : inner_hash(node.bit, node.count, hash_of(*node.left), hash_of(*node.right));
    node.hashed = true;
  }
  return node.hash;
}

// The leaf that shares the most bits with `key`.
const Node* nearest(const Node* at, ByteView key) {
  while (!at->is_leaf()) {
    at = bit_of(key, at->bit) ? at->right.get() : at->left.get();
  }
  return at;
}

NodePtr insert(const NodePtr& at, std::optional<std::uint16_t> bit, const NodePtr& leaf) {
  if (at->is_leaf() || (bit && *bit < at->bit)) {
    if (!bit) {
      return leaf;
    }
    return bit_of(leaf->key, *bit) ? make_inner(*bit, at, leaf) : make_inner(*bit, leaf, at);
  }
  return bit_of(leaf->key, at->bit) ? make_inner(at->bit, at->left, insert(at->right, bit, leaf))
                                    : make_inner(at->bit, insert(at->left, bit, leaf), at->right);
}

NodePtr without(const NodePtr& at, ByteView key) {
  if (at->is_leaf()) {
    return nullptr;
  }
  if (bit_of(key, at->bit)) {
    NodePtr right = without(at->right, key);
    return right == nullptr ? at->left : make_inner(at->bit, at->left, std::move(right));
  }
  NodePtr left = without(at->left, key);
  return left == nullptr ? at->right : make_inner(at->bit, std::move(left), at->right);
}

bool has_prefix(ByteView key, ByteView prefix) {
  return key.size() >= prefix.size() && equal(key.first(prefix.size()), prefix);
}

// The node under which are exactly the keys that begin with `prefix`; null when there are none.
const Node* below(const Node* at, ByteView prefix) {
  while (at != nullptr && !at->is_leaf() && at->bit < prefix.size() * kBitsPerByte) {
    at = bit_of(prefix, at->bit) ? at->right.get() : at->left.get();
  }
  return at != nullptr && has_prefix(nearest(at, prefix)->key, prefix) ? at : nullptr;
}

bool visit_after(const Node* at, ByteView after,
                 const std::function<bool(ByteView, ByteView)>& visit) {
  if (at->is_leaf()) {
    return !std::ranges::lexicographical_compare(after, at->key) || visit(at->key, at->value);
  }
  const Node* last_left = at->left.get();
  while (!last_left->is_leaf()) {
    last_left = last_left->right.get();
  }
  if (std::ranges::lexicographical_compare(after, last_left->key) &&
      !visit_after(at->left.get(), after, visit)) {
    return false;
  }
  return visit_after(at->right.get(), after, visit);
}

}  // namespace

Hash256 leaf_hash(ByteView key, ByteView value) {
  Bytes head;
  head.reserve(sizeof(kLeafTag) + sizeof(std::uint16_t));
  wire::Writer w(head);
  w.u8(kLeafTag);
  w.u16(static_cast<std::uint16_t>(key.size()));
  return crypto::sha256({head, key, value});
}

Hash256 inner_hash(std::uint16_t bit, std::uint64_t count, const Hash256& left,
                   const Hash256& right) {
  Bytes head;
  head.reserve(sizeof(kInnerTag) + sizeof(bit) + sizeof(count));
  wire::Writer w(head);
  w.u8(kInnerTag);
  w.u16(bit);
  w.u64(count);
  return crypto::sha256({head, left, right});
}

Hash256 app_hash(std::uint64_t count, const Hash256& top) {
  Bytes head;
  wire::Writer(head).u64(count);
  return crypto::sha256({as_bytes(kStateDomain), head, top});
}

std::optional<ByteView> StateTree::get(ByteView key) const {
  if (top_ == nullptr) {
    return std::nullopt;
  }
  const Node* leaf = nearest(top_.get(), key);
  return equal(leaf->key, key) ? std::optional<ByteView>(leaf->value) : std::nullopt;
}

void StateTree::scan(ByteView prefix, ByteView after,
                     const std::function<bool(ByteView, ByteView)>& visit) const {
  if (const Node* at = below(top_.get(), prefix); at != nullptr) {
    visit_after(at, after, visit);
  }
}

std::uint64_t StateTree::count(ByteView prefix) const {
  const Node* at = below(top_.get(), prefix);
  return at == nullptr ? 0 : at->count;
}

std::uint64_t StateTree::index_of(ByteView key) const {
  I2_ASSERT(get(key));
  std::uint64_t out = 0;
  for (const Node* at = top_.get(); !at->is_leaf();) {
    const bool right = bit_of(key, at->bit);
    out += right ? at->left->count : 0;
    at = right ? at->right.get() : at->left.get();
  }
  return out;
}

void StateTree::put(ByteView key, ByteView value) {
  I2_ASSERT(!key.empty() && key.size() <= ports::kStateKeySizeMax);
  NodePtr leaf = make_leaf(key, value);
  top_ = top_ == nullptr ? std::move(leaf)
                         : insert(top_, first_difference(nearest(top_.get(), key)->key, key), leaf);
}

void StateTree::erase(ByteView key) {
  if (get(key)) {
    top_ = without(top_, key);
  }
}

std::uint64_t StateTree::size() const {
  return top_ == nullptr ? 0 : top_->count;
}

Hash256 StateTree::root() const {
  return root({});
}

Hash256 StateTree::root(ByteView prefix) const {
  const Node* at = below(top_.get(), prefix);
  return at == nullptr ? app_hash(0, {}) : app_hash(at->count, hash_of(*at));
}

const Node* StateTree::top() const {
  if (top_ != nullptr) {
    hash_of(*top_);
  }
  return top_.get();
}

}  // namespace i2::fleet
