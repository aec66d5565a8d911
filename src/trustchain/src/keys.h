// The tables of an authority's database: the first byte of every key.
#pragma once

#include <i2/base/bytes.h>
#include <i2/wire/reader.h>

#include <initializer_list>

namespace i2::trustchain {

enum class Table : std::uint8_t {
  kIssuer = 'a',       // key hash -> chain
  kCertificate = 'c',  // serial -> certificate record
  kFingerprint = 'f',  // SHA-256 of the certificate -> serial
  kIssued = 'i',       // number -> serial, in the order in which they were signed
  kAudit = 'l',        // number -> audit entry
  kCrlNumber = 'm',    // key hash, shard -> number
  kName = 'n',         // name, 0, time, serial ->
  kOpen = 'o',         // serial ->
  kIndexed = 'p',      // -> number of the last one that is in the fleet's index
  kRequester = 'r',    // requester, 0, time, serial ->
  kTime = 't',         // time, serial ->
  kRevoked = 'x',      // key hash, shard, serial -> revocation
};

[[nodiscard]] inline Bytes key_in(Table table, std::initializer_list<ByteView> parts = {}) {
  Bytes out{static_cast<std::uint8_t>(table)};
  for (const ByteView part : parts) {
    append(out, part);
  }
  return out;
}

[[nodiscard]] inline Bytes big_endian(std::uint64_t value) {
  Bytes out;
  wire::Writer(out).u64(value);
  return out;
}

}  // namespace i2::trustchain
