#include <i2/trustchain/acme/certificate_id.h>
#include <i2/wire/text.h>

namespace i2::trustchain::acme {
namespace {

constexpr std::size_t kIdPartMax = 32;

}  // namespace

std::string to_text(const CertificateId& id) {
  // X.690 §8.3: an INTEGER whose first bit is set is negative, so a zero byte goes in front.
  Bytes serial;
  if (id.serial.empty() || id.serial.front() >= 0x80) {
    serial.push_back(0);
  }
  append(serial, id.serial);
  return wire::to_base64url(id.authority_key_id) + "." + wire::to_base64url(serial);
}

std::optional<CertificateId> parse_certificate_id(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || text.size() > 4 * kIdPartMax) {
    return std::nullopt;
  }
  auto key_id = wire::from_base64url(text.substr(0, dot));
  auto serial = wire::from_base64url(text.substr(dot + 1));
  if (!key_id || !serial || key_id->empty() || serial->empty() || key_id->size() > kIdPartMax ||
      serial->size() > kIdPartMax) {
    return std::nullopt;
  }
  if (serial->front() == 0) {
    serial->erase(serial->begin());
  }
  CertificateId out{.authority_key_id = std::move(*key_id), .serial = std::move(*serial)};
  if (to_text(out) != text) {  // a negative number, or zeros that are not needed
    return std::nullopt;
  }
  return out;
}

}  // namespace i2::trustchain::acme
