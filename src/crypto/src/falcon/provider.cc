#include <i2/crypto/provider.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <openssl/provider.h>

#include <new>

#include "error_queue.h"
#include "falcon/provider_internal.h"

namespace i2::crypto::falcon {
namespace {

void teardown(void* data) {
  delete static_cast<ProviderContext*>(data);
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return keymgmt_algorithms();
    case OSSL_OP_SIGNATURE:
      return signature_algorithms();
    case OSSL_OP_ENCODER:
      return encoder_algorithms();
    case OSSL_OP_DECODER:
      return decoder_algorithms();
    default:
      return nullptr;
  }
}

int get_params(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return (name == nullptr || OSSL_PARAM_set_utf8_ptr(name, kProviderName) == 1) &&
                 (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1)
             ? 1
             : 0;
}

const OSSL_PARAM* gettable_params(void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
                                       OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr),
                                       OSSL_PARAM_END};
  return kParams;
}

// The TLS signature scheme (provider-base(7), "TLS-SIGALG Capability"). No signature or hash name:
// the scheme is pure. libssl restricts schemes of providers to TLS 1.3.
int get_capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* callback_arg) {
  if (OPENSSL_strcasecmp(capability, "TLS-SIGALG") != 0) {
    return 1;  // nothing to add; 0 would make SSL_CTX_new fail, which asks for TLS-GROUP too
  }
  char name[] = "falcon1024";
  char oid[] = "1.3.9999.3.14";
  unsigned code_point = kTlsCodePoint;
  unsigned security_bits = kSecurityBits;
  int min_tls = TLS1_3_VERSION;
  int max_tls = 0;  // no limit
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_SIGALG_IANA_NAME, name, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_SIGALG_NAME, name, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_SIGALG_OID, oid, 0),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_SIGALG_CODE_POINT, &code_point),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_SIGALG_SECURITY_BITS, &security_bits),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_SIGALG_MIN_TLS, &min_tls),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_SIGALG_MAX_TLS, &max_tls),
      OSSL_PARAM_construct_end()};
  return callback(params, callback_arg);
}

// Registers the OID and the pair (signature, key) that X.509 verification looks up; both tables
// belong to the process, so a second load finds them filled.
bool register_oid(const OSSL_CORE_HANDLE* core, OSSL_FUNC_core_obj_create_fn* create,
                  OSSL_FUNC_core_obj_add_sigid_fn* add_sigid) {
  return create(core, kAlgorithmOid, kAlgorithmName, kAlgorithmName) == 1 &&
         add_sigid(core, kAlgorithmOid, "", kAlgorithmOid) == 1;
}

// Loaded for the life of the process and dropped when libcrypto cleans up.
OSSL_PROVIDER* default_provider = nullptr;
OSSL_PROVIDER* falcon_provider = nullptr;

void unload() {
  OSSL_PROVIDER_unload(falcon_provider);
  OSSL_PROVIDER_unload(default_provider);
}

Result<void> load() {
  // Loading any provider by name switches the implicit load of "default" off, so it is loaded by
  // name too.
  default_provider = OSSL_PROVIDER_load(nullptr, "default");
  if (default_provider == nullptr) {
    return fail(openssl_error("crypto.provider", "OpenSSL's default provider cannot be loaded"));
  }
  if (OSSL_PROVIDER_add_builtin(nullptr, kProviderName, i2_falcon_provider_init) == 1) {
    falcon_provider = OSSL_PROVIDER_load(nullptr, kProviderName);
  }
  if (falcon_provider == nullptr) {
    return fail(openssl_error("crypto.provider", "the Falcon provider cannot be loaded"));
  }
  OPENSSL_atexit(unload);
  return {};
}

}  // namespace
}  // namespace i2::crypto::falcon

extern "C" int i2_falcon_provider_init(const OSSL_CORE_HANDLE* core, const OSSL_DISPATCH* in,
                                       const OSSL_DISPATCH** out, void** context) {
  using namespace i2::crypto::falcon;
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
      entry(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_params),
      entry(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
      entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
      entry(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, get_capabilities),
      OSSL_DISPATCH_END};
  std::unique_ptr<ProviderContext> made(new (std::nothrow) ProviderContext{.core = core});
  if (made == nullptr) {
    return 0;
  }
  OSSL_FUNC_core_obj_create_fn* create = nullptr;
  OSSL_FUNC_core_obj_add_sigid_fn* add_sigid = nullptr;
  for (; in->function_id != 0; ++in) {
    switch (in->function_id) {
      case OSSL_FUNC_BIO_READ_EX:
        made->bio_read = OSSL_FUNC_BIO_read_ex(in);
        break;
      case OSSL_FUNC_BIO_WRITE_EX:
        made->bio_write = OSSL_FUNC_BIO_write_ex(in);
        break;
      case OSSL_FUNC_CORE_OBJ_CREATE:
        create = OSSL_FUNC_core_obj_create(in);
        break;
      case OSSL_FUNC_CORE_OBJ_ADD_SIGID:
        add_sigid = OSSL_FUNC_core_obj_add_sigid(in);
        break;
      default:
        break;
    }
  }
  if (made->bio_read == nullptr || made->bio_write == nullptr || create == nullptr ||
      add_sigid == nullptr || !register_oid(core, create, add_sigid)) {
    return 0;
  }
  *out = kFunctions;
  *context = made.release();
  return 1;
}

namespace i2::crypto {

Result<void> install_provider() {
  static const Result<void> kInstalled = falcon::load();
  return kInstalled;
}

}  // namespace i2::crypto
