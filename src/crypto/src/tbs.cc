#include "tbs.h"

#include <i2/base/assert.h>
#include <i2/crypto/x509.h>

#include "der.h"

namespace i2::crypto {
namespace {

std::optional<DerValue> find_tbs(ByteView certificate) {
  const auto outer = take_der(certificate);
  ByteView in = outer ? outer->contents : ByteView();
  return take_der(in);
}

// `in`: contents of the field [3].
bool read_extensions(ByteView in, Tbs& out) {
  const auto list = take_der(in);
  if (!list || !in.empty()) {
    return false;
  }
  for (in = list->contents; !in.empty();) {
    const auto extension = take_der(in);
    ByteView inner = extension ? extension->contents : ByteView();
    const auto oid = take_der(inner);
    if (!oid) {
      return false;
    }
    out.extensions.push_back({.oid = oid->whole, .whole = extension->whole});
  }
  return true;
}

}  // namespace

ByteView tbs_of(ByteView certificate) {
  const auto out = find_tbs(certificate);
  I2_ASSERT(out);
  return out->whole;
}

std::optional<Tbs> read_tbs(ByteView certificate) {
  const auto tbs = find_tbs(certificate);
  if (!tbs) {
    return std::nullopt;
  }
  Tbs out{.front = tbs->contents, .extensions = {}};
  std::optional<DerValue> field;
  for (ByteView in = tbs->contents; !in.empty();) {
    field = take_der(in);
    if (!field) {
      return std::nullopt;
    }
  }
  if (!field || field->identifier != kDerExplicit3) {
    return out;
  }
  out.front = out.front.first(out.front.size() - field->whole.size());
  return read_extensions(field->contents, out) ? std::optional(std::move(out)) : std::nullopt;
}

Bytes write_tbs(const Tbs& tbs) {
  Bytes list;
  for (const Tbs::Extension& one : tbs.extensions) {
    append(list, one.whole);
  }
  return tbs.extensions.empty()
             ? der_value(kDerSequence, {tbs.front})
             : der_value(kDerSequence,
                         {tbs.front, der_value(kDerExplicit3, {der_value(kDerSequence, {list})})});
}

}  // namespace i2::crypto
