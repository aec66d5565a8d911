// Key management of the provider (provider-keymgmt(7)).
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <new>

#include "falcon/provider_internal.h"

namespace i2::crypto::falcon {

void release(Key* key) {
  if (key != nullptr && key->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete key;
  }
}

KeyPointer share(Key* key) {
  key->references.fetch_add(1, std::memory_order_relaxed);
  return KeyPointer(key);
}

KeyPointer make_key(ByteView public_key, ByteView private_key) {
  if (public_key.size() != kPublicKeySize ||
      (!private_key.empty() && private_key.size() != kPrivateKeySize)) {
    return nullptr;
  }
  const auto public_view = public_key.first<kPublicKeySize>();
  const bool good = private_key.empty()
                        ? well_formed(public_view)
                        : is_pair(private_key.first<kPrivateKeySize>(), public_view);
  if (!good) {
    return nullptr;
  }
  KeyPointer key(new (std::nothrow) Key);
  if (key == nullptr) {
    return nullptr;
  }
  std::ranges::copy(public_key, key->public_key.begin());
  key->has_public = true;
  if (!private_key.empty()) {
    key->private_key = SecretBytes(kPrivateKeySize);
    std::ranges::copy(private_key, key->private_key.mutable_view().begin());
  }
  return key;
}

namespace {

bool wants(int selection, int part) {
  return (selection & part) != 0;
}

// --- life of a key -------------------------------------------------------------------------------

void* key_new(void*) {
  return new (std::nothrow) Key;
}

void key_free(void* key) {
  release(static_cast<Key*>(key));
}

void* key_dup(const void* from, int selection) {
  const auto& source = *static_cast<const Key*>(from);
  auto* copy = new (std::nothrow) Key;
  if (copy == nullptr) {
    return nullptr;
  }
  copy->arithmetic = source.arithmetic;
  if (wants(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY)) {
    copy->has_public = source.has_public;
    copy->public_key = source.public_key;
  }
  if (wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && source.has_private()) {
    copy->private_key = SecretBytes(kPrivateKeySize);
    std::ranges::copy(source.private_key.view(), copy->private_key.mutable_view().begin());
  }
  return copy;
}

// Takes the reference that a decoder made.
void* key_load(const void* reference, std::size_t size) {
  if (size != sizeof(Key*)) {
    return nullptr;
  }
  auto* slot = const_cast<Key**>(static_cast<Key* const*>(reference));
  return std::exchange(*slot, nullptr);
}

// --- questions -----------------------------------------------------------------------------------

int key_has(const void* data, int selection) {
  const auto* key = static_cast<const Key*>(data);
  if (key == nullptr) {
    return 0;
  }
  const bool missing = (wants(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && !key->has_public) ||
                       (wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !key->has_private());
  return missing ? 0 : 1;
}

int key_match(const void* a, const void* b, int selection) {
  const auto& x = *static_cast<const Key*>(a);
  const auto& y = *static_cast<const Key*>(b);
  // A key pair is one value: equal public halves mean equal keys.
  if (wants(selection, OSSL_KEYMGMT_SELECT_KEYPAIR)) {
    return x.has_public && y.has_public && x.public_key == y.public_key ? 1 : 0;
  }
  return 1;
}

int key_validate(const void* data, int selection, int /*checktype*/) {
  const auto& key = *static_cast<const Key*>(data);
  if (wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
    return key.has_private() && key.has_public && is_pair(key.private_view(), key.public_key) ? 1
                                                                                              : 0;
  }
  if (wants(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY)) {
    return key.has_public && well_formed(key.public_key) ? 1 : 0;
  }
  return 1;
}

// --- parameters ----------------------------------------------------------------------------------

int set_number(OSSL_PARAM* params, const char* name, int value) {
  OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
  return param == nullptr ? 1 : OSSL_PARAM_set_int(param, value);
}

int set_octets(OSSL_PARAM* params, const char* name, ByteView value) {
  OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
  return param == nullptr ? 1 : OSSL_PARAM_set_octet_string(param, value.data(), value.size());
}

int key_get_params(void* data, OSSL_PARAM params[]) {
  const auto& key = *static_cast<const Key*>(data);
  // "": the scheme hashes the message itself and takes no digest.
  OSSL_PARAM* digest = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
  if (digest != nullptr && OSSL_PARAM_set_utf8_string(digest, "") != 1) {
    return 0;
  }
  const bool native = key.arithmetic == FalconArithmetic::kNativeDouble;
  const bool done =
      set_number(params, OSSL_PKEY_PARAM_BITS, static_cast<int>(kPublicKeySize * 8)) == 1 &&
      set_number(params, OSSL_PKEY_PARAM_SECURITY_BITS, kSecurityBits) == 1 &&
      set_number(params, OSSL_PKEY_PARAM_MAX_SIZE, static_cast<int>(kSignatureSizeMax)) == 1 &&
      set_number(params, kParamNativeDouble, native ? 1 : 0) == 1;
  if (!done) {
    return 0;
  }
  if (key.has_public &&
      (set_octets(params, OSSL_PKEY_PARAM_PUB_KEY, key.public_key) != 1 ||
       set_octets(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key.public_key) != 1)) {
    return 0;
  }
  return key.has_private() ? set_octets(params, OSSL_PKEY_PARAM_PRIV_KEY, key.private_key.view())
                           : 1;
}

const OSSL_PARAM* key_gettable_params(void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0),
      OSSL_PARAM_int(kParamNativeDouble, nullptr),
      OSSL_PARAM_END};
  return kParams;
}

// Leaves `arithmetic` alone when the parameter is absent.
int read_arithmetic(const OSSL_PARAM params[], FalconArithmetic& arithmetic) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, kParamNativeDouble);
  if (param == nullptr) {
    return 1;
  }
  int native = 0;
  if (OSSL_PARAM_get_int(param, &native) != 1) {
    return 0;
  }
  arithmetic = native != 0 ? FalconArithmetic::kNativeDouble : FalconArithmetic::kConstantTime;
  return 1;
}

int key_set_params(void* data, const OSSL_PARAM params[]) {
  return params == nullptr ? 1 : read_arithmetic(params, static_cast<Key*>(data)->arithmetic);
}

const OSSL_PARAM* key_settable_params(void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_int(kParamNativeDouble, nullptr), OSSL_PARAM_END};
  return kParams;
}

// --- import and export ---------------------------------------------------------------------------

ByteView octets(const OSSL_PARAM params[], const char* name) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, name);
  const void* data = nullptr;
  std::size_t size = 0;
  if (param == nullptr || OSSL_PARAM_get_octet_string_ptr(param, &data, &size) != 1) {
    return {};
  }
  return {static_cast<const std::uint8_t*>(data), size};
}

int key_import(void* data, int selection, const OSSL_PARAM params[]) {
  const bool with_private = wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
  const ByteView private_part =
      with_private ? octets(params, OSSL_PKEY_PARAM_PRIV_KEY) : ByteView{};
  KeyPointer made = make_key(octets(params, OSSL_PKEY_PARAM_PUB_KEY), private_part);
  if (made == nullptr) {
    return 0;
  }
  auto& key = *static_cast<Key*>(data);
  key.public_key = made->public_key;
  key.has_public = true;
  key.private_key = std::move(made->private_key);
  return read_arithmetic(params, key.arithmetic);
}

const OSSL_PARAM* key_types(int selection) {
  static const OSSL_PARAM kPublic[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                       OSSL_PARAM_END};
  static const OSSL_PARAM kPair[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                     OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0),
                                     OSSL_PARAM_int(kParamNativeDouble, nullptr), OSSL_PARAM_END};
  return wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY) ? kPair : kPublic;
}

// --- generation ----------------------------------------------------------------------------------

struct Generation {
  int selection = 0;
  FalconArithmetic arithmetic = FalconArithmetic::kConstantTime;
};

int gen_set_params(void* data, const OSSL_PARAM params[]) {
  return params == nullptr ? 1
                           : read_arithmetic(params, static_cast<Generation*>(data)->arithmetic);
}

void* gen_init(void*, int selection, const OSSL_PARAM params[]) {
  std::unique_ptr<Generation> generation(new (std::nothrow) Generation{.selection = selection});
  if (generation == nullptr || gen_set_params(generation.get(), params) != 1) {
    return nullptr;
  }
  return generation.release();
}

// Without these two EVP_PKEY_Q_keygen fails and queues no error.
const OSSL_PARAM* gen_settable_params(void*, void*) {
  return key_settable_params(nullptr);
}

void* gen(void* data, OSSL_CALLBACK*, void*) {
  const auto& generation = *static_cast<const Generation*>(data);
  KeyPointer key(new (std::nothrow) Key);
  if (key == nullptr) {
    return nullptr;
  }
  key->arithmetic = generation.arithmetic;
  if (wants(generation.selection, OSSL_KEYMGMT_SELECT_KEYPAIR)) {
    key->private_key = SecretBytes(kPrivateKeySize);
    if (!generate(generation.arithmetic, key->public_key,
                  key->private_key.mutable_view().first<kPrivateKeySize>())) {
      return nullptr;
    }
    key->has_public = true;
  }
  return key.release();
}

void gen_cleanup(void* data) {
  delete static_cast<Generation*>(data);
}

const char* operation_name(int) {
  return kAlgorithmName;
}

}  // namespace

int export_key(void* data, int selection, OSSL_CALLBACK* callback, void* callback_arg) {
  const auto* key = static_cast<const Key*>(data);
  if (key == nullptr || !key->has_public ||
      (wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !key->has_private())) {
    return 0;
  }
  const auto mutable_pointer = [](const std::uint8_t* bytes) {
    return const_cast<std::uint8_t*>(bytes);  // an OSSL_PARAM that is only read
  };
  OSSL_PARAM params[4];
  std::size_t count = 0;
  int native = key->arithmetic == FalconArithmetic::kNativeDouble ? 1 : 0;
  params[count++] = OSSL_PARAM_construct_octet_string(
      OSSL_PKEY_PARAM_PUB_KEY, mutable_pointer(key->public_key.data()), kPublicKeySize);
  if (wants(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
    params[count++] = OSSL_PARAM_construct_octet_string(
        OSSL_PKEY_PARAM_PRIV_KEY, mutable_pointer(key->private_key.view().data()), kPrivateKeySize);
    params[count++] = OSSL_PARAM_construct_int(kParamNativeDouble, &native);
  }
  params[count] = OSSL_PARAM_construct_end();
  return callback(params, callback_arg);
}

const OSSL_ALGORITHM* keymgmt_algorithms() {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_KEYMGMT_NEW, key_new),
      entry(OSSL_FUNC_KEYMGMT_FREE, key_free),
      entry(OSSL_FUNC_KEYMGMT_DUP, key_dup),
      entry(OSSL_FUNC_KEYMGMT_LOAD, key_load),
      entry(OSSL_FUNC_KEYMGMT_HAS, key_has),
      entry(OSSL_FUNC_KEYMGMT_MATCH, key_match),
      entry(OSSL_FUNC_KEYMGMT_VALIDATE, key_validate),
      entry(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),
      entry(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),
      entry(OSSL_FUNC_KEYMGMT_SET_PARAMS, key_set_params),
      entry(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, key_settable_params),
      entry(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
      entry(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),
      entry(OSSL_FUNC_KEYMGMT_EXPORT, export_key),
      entry(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),
      entry(OSSL_FUNC_KEYMGMT_GEN_INIT, gen_init),
      entry(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, gen_set_params),
      entry(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, gen_settable_params),
      entry(OSSL_FUNC_KEYMGMT_GEN, gen),
      entry(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, gen_cleanup),
      entry(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name),
      OSSL_DISPATCH_END};
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kAlgorithmNames, "provider=i2falcon", kFunctions, "Falcon-1024 round 3"},
      {nullptr, nullptr, nullptr, nullptr}};
  return kAlgorithms;
}

}  // namespace i2::crypto::falcon
