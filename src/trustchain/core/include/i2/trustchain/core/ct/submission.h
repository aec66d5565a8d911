// What a log makes of the chain that somebody submits (RFC 6962 §3.1, §4.1, §4.2).
#pragma once

#include <i2/crypto/x509.h>
#include <i2/trustchain/core/ct/log_entry.h>

#include <functional>
#include <span>
#include <vector>

namespace i2::trustchain::ct {

struct ChainSubmission {
  Submission submission;
  std::vector<Bytes> issuers;  // in DER, as submission.issuers; the last one is a root
};

// `chain`: the certificate or, for kPrecert, the precertificate, then the issuer of each one in
// front. The last one is one of `roots` or issued by one, which may be left out. Validity is not
// checked: a log takes also what has expired. `is_issuer` is asked about each of them and the one
// behind it. Error: trust.log_entry_invalid.
using IssuerCheck =
    std::function<bool(const crypto::Certificate& of, const crypto::Certificate& issuer)>;
[[nodiscard]] Result<ChainSubmission> make_submission(
    EntryType type, std::span<const crypto::Certificate> chain,
    std::span<const crypto::Certificate> roots,
    const IssuerCheck& is_issuer = crypto::is_signed_by);

}  // namespace i2::trustchain::ct
