// RevocationService: takes certificates back, and says which are: lists (RFC 5280 §5) and OCSP
// (RFC 6960).
//
// Lists and answers are made when they are asked for and kept until they are due or something that
// they say has changed. Their times follow the clock; the numbers of lists grow whatever the clock
// does. Thread-safe; calls may block on the disk.
#pragma once

#include <i2/crypto/ocsp.h>
#include <i2/trustchain/acme/rate.h>
#include <i2/trustchain/issuer_set.h>

#include <functional>
#include <map>
#include <utility>

namespace i2::trustchain {

inline constexpr UnixMillis kCrlLifeMs = 24ULL * 3600 * 1000;
inline constexpr UnixMillis kCrlRenewalMs = 3600ULL * 1000;
inline constexpr UnixMillis kOcspLifeMs = 2 * 3600ULL * 1000;
inline constexpr UnixMillis kOcspRenewalMs = 3600ULL * 1000;
inline constexpr acme::RateLimit kAnchorAnswers{.count = 600, .window_ms = 60'000};

class RevocationService {
 public:
  struct Parts {
    CertificateStore& store;
    const IssuerSet& issuers;
    const Clock& clock;
    // After revocations are on disk; on the thread that revoked.
    std::function<void(std::span<const RevokedCertificate>)> changed{};
  };
  explicit RevocationService(Parts parts) : parts_(std::move(parts)) {}
  RevocationService(const RevocationService&) = delete;
  RevocationService& operator=(const RevocationService&) = delete;

  // `actor`: for the audit log. Errors: trust.certificate_unknown, trust.already_revoked, store.*.
  Result<RevokedCertificate> revoke(ByteView serial, crypto::RevocationReason reason,
                                    std::string_view actor);
  // Every certificate of `requester` that has not expired; how many were revoked now.
  // Errors: store.*.
  Result<std::size_t> revoke_requester(std::string_view requester, crypto::RevocationReason reason,
                                       std::string_view actor);

  // What somebody else has taken back, the fleet: also of certificates that there is no record of;
  // those that were not revoked before. Errors: store.*.
  Result<std::vector<RevokedCertificate>> record(std::span<const RevokedCertificate> revoked,
                                                 std::string_view actor);

  // DER of one shard, or of the whole list. Errors: crypto.crl_build, crypto.sign, store.*.
  [[nodiscard]] Result<std::shared_ptr<const Bytes>> crl(const Signer& signer,
                                                         std::optional<std::uint8_t> shard);
  // The answer to a request in DER: also to one that is malformed or about somebody else's
  // certificates. A serial is known from its intent on: what may have been signed is not unknown.
  // An anchor signs with Falcon, for requests of one certificate that it knows and without a nonce,
  // kAnchorAnswers of them; others get `unauthorized`, or `tryLater`.
  [[nodiscard]] Bytes ocsp(ByteView request);

 private:
  struct Made {
    std::shared_ptr<const Bytes> der;  // shared with those who are sending it
    UnixMillis at = 0;
  };
  struct Asked {
    crypto::OcspAnswer answer;
    SignerPtr signer;  // null: not one of ours
  };
  [[nodiscard]] Result<Made> build_list(const Signer& signer, std::optional<std::uint8_t> shard);
  [[nodiscard]] Result<Asked> look_up(const crypto::OcspCertificateId& certificate,
                                      UnixMillis now) const;
  [[nodiscard]] Result<Bytes> answer(const crypto::OcspRequest& request, UnixMillis now);
  [[nodiscard]] Result<void> admit_anchor_answer(const crypto::OcspRequest& request,
                                                 const crypto::OcspResponse& response);
  void forget(std::span<const RevokedCertificate> revoked);

  const Parts parts_;
  // Held while something is made, so that what was made before a revocation is not kept after it.
  std::mutex making_;
  std::map<std::pair<Hash256, int>, Made> lists_;  // the whole list: -1
  std::map<Bytes, Made> answers_;                  // to requests without a nonce
  acme::RateMeter anchor_answers_;                 // by the clock that is never set
};

}  // namespace i2::trustchain
