// DER encoders and decoders of the provider (provider-encoder(7), provider-decoder(7)).
//
// Both structures have one fixed length and one fixed prefix, so reading is a comparison. PEM and
// text input reach these decoders through those of OpenSSL's default provider.
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include <algorithm>
#include <new>

#include "falcon/provider_internal.h"
#include "pkcs8.h"

namespace i2::crypto::falcon {
namespace {

struct Codec {
  const ProviderContext* provider;
};

void* codec_new(void* provider) {
  return new (std::nothrow) Codec{static_cast<const ProviderContext*>(provider)};
}

void codec_free(void* data) {
  delete static_cast<Codec*>(data);
}

// OpenSSL asks for the most secret part it wants first; a structure answers for one part.
int does_selection(int selection, int part) {
  if (selection == 0) {
    return 1;
  }
  for (const int asked : {OSSL_KEYMGMT_SELECT_PRIVATE_KEY, OSSL_KEYMGMT_SELECT_PUBLIC_KEY}) {
    if ((selection & asked) != 0) {
      return asked == part ? 1 : 0;
    }
  }
  return 0;
}

int selects_public(void*, int selection) {
  return does_selection(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
}

int selects_private(void*, int selection) {
  return does_selection(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

// --- decoding ------------------------------------------------------------------------------------

// Reads exactly one object, so that what follows it stays in the BIO for the caller.
bool read_all(const Codec& codec, OSSL_CORE_BIO* in, MutableByteView out) {
  while (!out.empty()) {
    std::size_t got = 0;
    if (codec.provider->bio_read(in, out.data(), out.size(), &got) != 1 || got == 0) {
      return false;
    }
    out = out.subspan(got);
  }
  return true;
}

// Hands the key to libcrypto, whose callback calls key_load to take it.
int deliver(KeyPointer key, OSSL_CALLBACK* callback, void* callback_arg) {
  Key* reference = key.release();
  int type = OSSL_OBJECT_PKEY;
  char name[] = "falcon1024";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
      // The parameter is the pointer itself (provider-object(7)).
      // NOLINTNEXTLINE(bugprone-multi-level-implicit-pointer-conversion,bugprone-sizeof-expression)
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference, sizeof reference),
      OSSL_PARAM_construct_end()};
  const int result = callback(params, callback_arg);
  release(reference);  // null when it was taken
  return result;
}

// In both decoders 1 without a callback means "not mine": others may still recognise the object.
int decode_spki(void* data, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* callback_arg,
                OSSL_PASSPHRASE_CALLBACK*, void*) {
  std::array<std::uint8_t, kSpkiSize> der;
  if (!read_all(*static_cast<Codec*>(data), in, der) ||
      !std::ranges::equal(ByteView(der).first(kSpkiPrefix.size()), kSpkiPrefix)) {
    return 1;
  }
  KeyPointer key = make_key(ByteView(der).subspan(kSpkiPrefix.size()), {});
  return key == nullptr ? 1 : deliver(std::move(key), callback, callback_arg);
}

int decode_pkcs8(void* data, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* callback_arg,
                 OSSL_PASSPHRASE_CALLBACK*, void*) {
  SecretBytes der(kPkcs8Size);
  if (!read_all(*static_cast<Codec*>(data), in, der.mutable_view()) ||
      !std::ranges::equal(der.view().first(kPkcs8Prefix.size()), kPkcs8Prefix)) {
    return 1;
  }
  const ByteView contents = der.view().subspan(kPkcs8Prefix.size());
  KeyPointer key = make_key(contents.subspan(kPrivateKeySize), contents.first(kPrivateKeySize));
  return key == nullptr ? 1 : deliver(std::move(key), callback, callback_arg);
}

int decoder_export(void*, const void* reference, std::size_t size, OSSL_CALLBACK* callback,
                   void* callback_arg) {
  if (size != sizeof(Key*)) {
    return 0;
  }
  return export_key(*static_cast<Key* const*>(reference), OSSL_KEYMGMT_SELECT_ALL, callback,
                    callback_arg);
}

// --- encoding ------------------------------------------------------------------------------------

int write_all(const Codec& codec, OSSL_CORE_BIO* out, ByteView bytes) {
  std::size_t written = 0;
  return codec.provider->bio_write(out, bytes.data(), bytes.size(), &written) == 1 &&
                 written == bytes.size()
             ? 1
             : 0;
}

SecretBytes concat(std::initializer_list<ByteView> parts) {
  std::size_t size = 0;
  for (const ByteView part : parts) {
    size += part.size();
  }
  SecretBytes out(size);
  auto at = out.mutable_view().begin();
  for (const ByteView part : parts) {
    at = std::ranges::copy(part, at).out;
  }
  return out;
}

template <bool kPem>
int encode_spki(void* data, OSSL_CORE_BIO* out, const void* object, const OSSL_PARAM*, int,
                OSSL_PASSPHRASE_CALLBACK*, void*) {
  const auto* key = static_cast<const Key*>(object);
  if (key == nullptr || !key->has_public) {
    return 0;
  }
  const SecretBytes der = concat({kSpkiPrefix, key->public_key});
  const Codec& codec = *static_cast<Codec*>(data);
  return kPem ? write_all(codec, out, write_pem("PUBLIC KEY", der.view()).view())
              : write_all(codec, out, der.view());
}

template <bool kPem>
int encode_pkcs8(void* data, OSSL_CORE_BIO* out, const void* object, const OSSL_PARAM*, int,
                 OSSL_PASSPHRASE_CALLBACK*, void*) {
  const auto* key = static_cast<const Key*>(object);
  if (key == nullptr || !key->has_public || !key->has_private()) {
    return 0;
  }
  const SecretBytes der = concat({kPkcs8Prefix, key->private_key.view(), key->public_key});
  const Codec& codec = *static_cast<Codec*>(data);
  return kPem ? write_all(codec, out, write_pem("PRIVATE KEY", der.view()).view())
              : write_all(codec, out, der.view());
}

// OpenSSL asks an encoder of PrivateKeyInfo to encrypt by setting a cipher. This one cannot, and
// writing the key in the clear instead would be worse than failing; libcrypto then encrypts by
// itself.
int encoder_set_params(void*, const OSSL_PARAM params[]) {
  const OSSL_PARAM* cipher = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
  const char* name = nullptr;
  return cipher == nullptr || (OSSL_PARAM_get_utf8_string_ptr(cipher, &name) == 1 &&
                               (name == nullptr || *name == '\0'))
             ? 1
             : 0;
}

const OSSL_PARAM* encoder_settable_params(void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, nullptr, 0), OSSL_PARAM_END};
  return kParams;
}

}  // namespace

const OSSL_ALGORITHM* decoder_algorithms() {
  static const OSSL_DISPATCH kSpki[] = {entry(OSSL_FUNC_DECODER_NEWCTX, codec_new),
                                        entry(OSSL_FUNC_DECODER_FREECTX, codec_free),
                                        entry(OSSL_FUNC_DECODER_DOES_SELECTION, selects_public),
                                        entry(OSSL_FUNC_DECODER_DECODE, decode_spki),
                                        entry(OSSL_FUNC_DECODER_EXPORT_OBJECT, decoder_export),
                                        OSSL_DISPATCH_END};
  static const OSSL_DISPATCH kPkcs8[] = {entry(OSSL_FUNC_DECODER_NEWCTX, codec_new),
                                         entry(OSSL_FUNC_DECODER_FREECTX, codec_free),
                                         entry(OSSL_FUNC_DECODER_DOES_SELECTION, selects_private),
                                         entry(OSSL_FUNC_DECODER_DECODE, decode_pkcs8),
                                         entry(OSSL_FUNC_DECODER_EXPORT_OBJECT, decoder_export),
                                         OSSL_DISPATCH_END};
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kAlgorithmNames, "provider=i2falcon,input=der,structure=SubjectPublicKeyInfo", kSpki,
       "Falcon-1024 public key"},
      {kAlgorithmNames, "provider=i2falcon,input=der,structure=PrivateKeyInfo", kPkcs8,
       "Falcon-1024 private key"},
      {nullptr, nullptr, nullptr, nullptr}};
  return kAlgorithms;
}

namespace {

template <auto kEncode>
const OSSL_DISPATCH* spki_encoder() {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_ENCODER_NEWCTX, codec_new), entry(OSSL_FUNC_ENCODER_FREECTX, codec_free),
      entry(OSSL_FUNC_ENCODER_DOES_SELECTION, selects_public),
      entry(OSSL_FUNC_ENCODER_ENCODE, kEncode), OSSL_DISPATCH_END};
  return kFunctions;
}

template <auto kEncode>
const OSSL_DISPATCH* pkcs8_encoder() {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_ENCODER_NEWCTX, codec_new),
      entry(OSSL_FUNC_ENCODER_FREECTX, codec_free),
      entry(OSSL_FUNC_ENCODER_SET_CTX_PARAMS, encoder_set_params),
      entry(OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, encoder_settable_params),
      entry(OSSL_FUNC_ENCODER_DOES_SELECTION, selects_private),
      entry(OSSL_FUNC_ENCODER_ENCODE, kEncode),
      OSSL_DISPATCH_END};
  return kFunctions;
}

}  // namespace

const OSSL_ALGORITHM* encoder_algorithms() {
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kAlgorithmNames, "provider=i2falcon,output=der,structure=SubjectPublicKeyInfo",
       spki_encoder<encode_spki<false>>(), "Falcon-1024 public key"},
      {kAlgorithmNames, "provider=i2falcon,output=pem,structure=SubjectPublicKeyInfo",
       spki_encoder<encode_spki<true>>(), "Falcon-1024 public key"},
      {kAlgorithmNames, "provider=i2falcon,output=der,structure=PrivateKeyInfo",
       pkcs8_encoder<encode_pkcs8<false>>(), "Falcon-1024 private key"},
      {kAlgorithmNames, "provider=i2falcon,output=pem,structure=PrivateKeyInfo",
       pkcs8_encoder<encode_pkcs8<true>>(), "Falcon-1024 private key"},
      {nullptr, nullptr, nullptr, nullptr}};
  return kAlgorithms;
}

}  // namespace i2::crypto::falcon
