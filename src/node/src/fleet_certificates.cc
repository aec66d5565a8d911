#include "fleet_certificates.h"

#include <i2/fleet/core/fleet_state.h>
#include <i2/node/units.h>
#include <i2/trustchain/core/trust_state.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

using nlohmann::json;
using trustchain::CertificateId;
using trustchain::IndexRecord;

constexpr std::size_t kExaminedInIndexMax = 10'000;  // by one page

std::string name_of_account(const fleet::MemberSet& members, const ports::AccountId& account) {
  const fleet::MemberInfo* member = members.find(NodeId{account.bytes});
  return member != nullptr ? member->name : account.hex();
}

Result<json> indexed_json(const fleet::Chain& chain, const fleet::MemberSet& members,
                          const CertificateId& id, const IndexRecord& record) {
  I2_TRY_VALUE(
      const auto revoked,
      trustchain::TrustState(chain.state).revocation(id, record.requester, record.not_before));
  json out{
      {"source", "fleet"},
      {"serial_number", to_hex(id.serial)},
      {"state", revoked ? "revoked" : "issued"},
      {"profile", info(record.profile).name},
      {"requester", name_of_account(members, record.requester)},
      {"requester_id", record.requester.hex()},
      {"authority", name_of_account(members, record.authority)},
      {"authority_id", record.authority.hex()},
      {"issuer_key_sha256", to_hex(id.issuer)},
      {"key_sha256", to_hex(record.key_hash)},
      {"issued_at", format_time(record.not_before)},
      {"expires_at", format_time(id.not_after)},
      {"expires_at_ms", id.not_after},
      {"log_index",
       record.log_index == trustchain::IndexEntry::kNotLogged ? json() : json(record.log_index)},
      {"validator", chain.state.get(fleet::validator_key(record.requester.view())).has_value()}};
  if (revoked) {
    out["revoked_at"] = format_time(revoked->at);
    out["reason"] = crypto::name(revoked->reason);
  }
  return out;
}

}  // namespace

Result<json> fleet_certificate(const fleet::Chain& chain, const fleet::MemberSet& members,
                               std::string_view serial) {
  const auto wanted = wire::from_hex(serial);
  const Bytes prefix = trustchain::index_prefix();
  std::optional<CertificateId> id;
  chain.state.scan(prefix, {}, [&](ByteView key, ByteView) {
    auto read = trustchain::certificate_of_key(key, prefix);
    if (wanted && read && read->serial == *wanted) {
      id = *std::move(read);
    }
    return !id;
  });
  if (!id) {
    return fail("trust.certificate_unknown", "'" + std::string(serial) +
                                                 "' is neither a member nor the serial number of "
                                                 "a certificate in the fleet's index");
  }
  I2_TRY_VALUE(const auto record, trustchain::TrustState(chain.state).indexed(*id));
  return indexed_json(chain, members, *id, *record);
}

Result<json> fleet_certificates(const fleet::Chain& chain, const fleet::MemberSet& members,
                                const FleetQuery& query, UnixMillis now) {
  const auto place = wire::from_hex(query.after);
  if (!place) {
    return fail("admin.argument", "'after' is the 'next' of a page");
  }
  const Bytes prefix = trustchain::index_prefix();
  Bytes last = prefix;
  append(last, *place);
  json all = json::array();
  Result<void> read;
  std::size_t examined = 0;
  bool more = false;
  chain.state.scan(
      prefix, place->empty() ? ByteView{} : ByteView(last), [&](ByteView key, ByteView value) {
        if (all.size() == query.limit || examined == kExaminedInIndexMax) {
          more = true;
          return false;
        }
        ++examined;
        const auto id = trustchain::certificate_of_key(key, prefix);
        const auto record = trustchain::decode_index_record(value);
        if (!id || !record) {
          read = fail(!id ? id.error() : record.error());
          return false;
        }
        last = to_bytes(key);
        const bool asked_for = query.requester.empty() ||
                               query.requester == record->requester.hex() ||
                               query.requester == name_of_account(members, record->requester);
        if (id->not_after > now && asked_for) {
          auto shown = indexed_json(chain, members, *id, *record);
          if (!shown) {
            read = fail(std::move(shown).error());
            return false;
          }
          all.push_back(*std::move(shown));
        }
        return true;
      });
  I2_TRY(read);
  json out{{"certificates", std::move(all)}};
  if (more) {
    out["next"] = to_hex(ByteView(last).subspan(prefix.size()));
  }
  return out;
}

}  // namespace i2::node
