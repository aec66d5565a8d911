// What FleetVerbs say of the fleet's certificates.
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

#include "verbs_fleet.h"
#include "verbs_json.h"

namespace i2::node {

Task<Result<std::string>> FleetVerbs::certificate(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string text, call->request.text("serial"));
  const auto serial = wire::from_hex(text);
  const auto chain = parts_.fleet.ledger().chain();
  const Bytes prefix = trustchain::index_prefix();
  std::optional<trustchain::CertificateId> id;
  chain->state.scan(prefix, {}, [&](ByteView key, ByteView) {
    auto read = trustchain::certificate_of_key(key, prefix);
    if (serial && read && read->serial == *serial) {
      id = *std::move(read);
    }
    return !id;
  });
  const trustchain::TrustState state(chain->state);
  if (!id) {
    co_return fail("trust.certificate_unknown",
                   "'" + text +
                       "' is neither a member nor the serial number of a certificate in "
                       "the fleet's index");
  }
  I2_CO_TRY_VALUE(const auto record, state.indexed(*id));
  I2_CO_TRY_VALUE(const auto revoked, state.revocation(*id, record->requester, record->not_before));
  const bool validator =
      chain->state.get(fleet::validator_key(record->requester.view())).has_value();
  co_return to_line(
      {{"serial", to_hex(id->serial)},
       {"issuer", to_hex(id->issuer)},
       {"profile", info(record->profile).name},
       {"requester", record->requester.hex()},
       {"authority", record->authority.hex()},
       {"key", to_hex(record->key_hash)},
       {"not_before", format_time(record->not_before)},
       {"not_after", format_time(id->not_after)},
       {"not_after_ms", id->not_after},
       {"validator", validator},
       {"revoked", revoked ? nlohmann::json(format_time(revoked->at)) : nlohmann::json()}});
}

}  // namespace i2::node
