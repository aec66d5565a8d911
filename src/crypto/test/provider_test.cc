// The provider as libcrypto sees it: what EVP, the encoders and the decoders may expect of it.
#define OPENSSL_SUPPRESS_DEPRECATED  // RAND_set_rand_method
#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/provider.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <thread>

#include "falcon/provider_internal.h"
#include "native.h"

namespace i2::crypto {
namespace {

using KeyPointer = NativePointer<EVP_PKEY, EVP_PKEY_free>;
using EncoderPointer = NativePointer<OSSL_ENCODER_CTX, OSSL_ENCODER_CTX_free>;
using DecoderPointer = NativePointer<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free>;

class Provider : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(install_provider()); }
  void TearDown() override { ERR_clear_error(); }

  const PrivateKey key_ =
      PrivateKey::generate(SignatureAlgorithm::kFalcon1024, FalconArithmetic::kNativeDouble)
          .value();
};

int number_param(EVP_PKEY* key, const char* name) {
  int value = -1;
  EXPECT_EQ(EVP_PKEY_get_int_param(key, name, &value), 1) << name;
  return value;
}

TEST_F(Provider, InstallsOnceBesideDefault) {
  EXPECT_TRUE(install_provider());
  EXPECT_EQ(OSSL_PROVIDER_available(nullptr, "i2falcon"), 1);
  EXPECT_EQ(OSSL_PROVIDER_available(nullptr, "default"), 1);
  const NativePointer<EVP_MD, EVP_MD_free> md(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  EXPECT_NE(md, nullptr);
}

TEST_F(Provider, DescribesItsKeys) {
  EVP_PKEY* key = key_.native();
  EXPECT_EQ(EVP_PKEY_get_size(key), 1462);
  EXPECT_EQ(EVP_PKEY_get_security_bits(key), 256);
  EXPECT_EQ(EVP_PKEY_get_bits(key), 1793 * 8);
  EXPECT_EQ(EVP_PKEY_is_a(key, "falcon1024"), 1);
  EXPECT_EQ(EVP_PKEY_is_a(key, "1.3.9999.3.14"), 1);
  EXPECT_EQ(OBJ_txt2nid("1.3.9999.3.14"), OBJ_sn2nid("falcon1024"));
  int key_nid = NID_undef;
  int digest_nid = 1;
  EXPECT_EQ(OBJ_find_sigid_algs(OBJ_sn2nid("falcon1024"), &digest_nid, &key_nid), 1);
  EXPECT_EQ(key_nid, OBJ_sn2nid("falcon1024"));
  EXPECT_EQ(digest_nid, NID_undef);
}

TEST_F(Provider, GeneratesThroughEveryEntryPoint) {
  const KeyPointer quick(EVP_PKEY_Q_keygen(nullptr, nullptr, "falcon1024"));
  ASSERT_NE(quick, nullptr);
  EXPECT_EQ(number_param(quick.get(), falcon::kParamNativeDouble), 0);
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_name(nullptr, "1.3.9999.3.14", nullptr));
  ASSERT_NE(context, nullptr);
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_keygen(context.get(), &key), 1);
  const KeyPointer owner(key);
  EXPECT_NE(EVP_PKEY_eq(key, quick.get()), 1);
}

TEST_F(Provider, ArithmeticIsAPropertyOfTheKeyObject) {
  EXPECT_EQ(number_param(key_.native(), falcon::kParamNativeDouble), 1);
  const SecretBytes stored = key_.pkcs8();
  const PrivateKey read = PrivateKey::from_pkcs8(stored.view()).value();
  EXPECT_EQ(number_param(read.native(), falcon::kParamNativeDouble), 0);
  const PrivateKey fast =
      PrivateKey::from_pkcs8(stored.view(), FalconArithmetic::kNativeDouble).value();
  EXPECT_EQ(number_param(fast.native(), falcon::kParamNativeDouble), 1);
  const PrivateKey slow = PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value();
  EXPECT_EQ(number_param(slow.native(), falcon::kParamNativeDouble), 0);
}

TEST_F(Provider, PublicKeyObjectsHoldNoSecret) {
  std::size_t size = 0;
  EXPECT_EQ(EVP_PKEY_get_octet_string_param(key_.public_key().native(), OSSL_PKEY_PARAM_PRIV_KEY,
                                            nullptr, 0, &size),
            0);
  EXPECT_EQ(
      EVP_PKEY_get_octet_string_param(key_.native(), OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0, &size),
      1);
  EXPECT_EQ(size, falcon::kPrivateKeySize);
}

// --- signing -------------------------------------------------------------------------------------

TEST_F(Provider, SizeQueryAnswersTheMaximumAndCapacityIsChecked) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.native()), 1);
  std::size_t size = 0;
  ASSERT_EQ(EVP_DigestSign(context.get(), nullptr, &size, nullptr, 0), 1);
  EXPECT_EQ(size, 1462U);
  // 1461 would hold nearly every signature; it is refused always.
  Bytes buffer(1500, 0xEE);
  size = 1461;
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.native()), 1);
  EXPECT_NE(EVP_DigestSign(context.get(), buffer.data(), &size, nullptr, 0), 1);
  EXPECT_EQ(buffer, Bytes(1500, 0xEE));
  size = 1462;
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.native()), 1);
  ASSERT_EQ(EVP_DigestSign(context.get(), buffer.data(), &size, nullptr, 0), 1);
  EXPECT_LT(size, 1462U);
  EXPECT_TRUE(key_.public_key().verify({}, ByteView(buffer).first(size)));
  EXPECT_TRUE(std::all_of(buffer.begin() + 1462, buffer.end(), [](auto b) { return b == 0xEE; }));
}

TEST_F(Provider, ADigestIsRefused) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  EXPECT_NE(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.native()), 1);
  EXPECT_NE(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.native()), 1);
  char name[32] = "";
  EXPECT_EQ(EVP_PKEY_get_default_digest_name(key_.native(), name, sizeof name), 2);  // mandatory
  EXPECT_STREQ(name, "UNDEF");
}

TEST_F(Provider, StreamingIsRefused) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.native()), 1);
  EXPECT_NE(EVP_DigestSignUpdate(context.get(), "m", 1), 1);
}

TEST_F(Provider, NamesItsAlgorithmIdentifier) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // owned by the digest context
  ASSERT_EQ(EVP_DigestSignInit(context.get(), &key_context, nullptr, nullptr, key_.native()), 1);
  std::array<std::uint8_t, 32> id{};
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, id.data(), id.size()),
      OSSL_PARAM_construct_end()};
  ASSERT_EQ(EVP_PKEY_CTX_get_params(key_context, params), 1);
  EXPECT_EQ(to_hex(ByteView(id).first(params[0].return_size)), "300706052bce0f030e");
}

TEST_F(Provider, SigningContextsCanBeCopied) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  const DigestContextPointer copy(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.native()), 1);
  ASSERT_EQ(EVP_MD_CTX_copy_ex(copy.get(), context.get()), 1);
  Bytes signature(1462);
  std::size_t size = signature.size();
  ASSERT_EQ(EVP_DigestSign(copy.get(), signature.data(), &size, nullptr, 0), 1);
  EXPECT_TRUE(key_.public_key().verify({}, ByteView(signature).first(size)));
}

TEST_F(Provider, APublicKeyDoesNotSign) {
  const DigestContextPointer context(EVP_MD_CTX_new());
  EXPECT_NE(
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.public_key().native()), 1);
}

TEST_F(Provider, SignsOnSeveralThreadsAtOnce) {
  std::array<bool, 4> good{};
  {
    std::vector<std::jthread> threads;
    for (bool& result : good) {
      threads.emplace_back([&result, this] {
        result = true;
        for (int i = 0; i < 8; ++i) {
          const auto signature = key_.sign(as_bytes("m"));
          result = result && signature && key_.public_key().verify(as_bytes("m"), *signature);
        }
      });
    }
  }
  EXPECT_EQ(good, (std::array<bool, 4>{true, true, true, true}));
}

// --- key objects
// -------------------------------------------------------------------------------------

KeyPointer from_data(ByteView private_key, ByteView public_key) {
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_name(nullptr, "falcon1024", nullptr));
  const auto octets = [](const char* name, ByteView bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                             bytes.size());
  };
  OSSL_PARAM params[3] = {octets(OSSL_PKEY_PARAM_PUB_KEY, public_key), OSSL_PARAM_construct_end(),
                          OSSL_PARAM_construct_end()};
  if (!private_key.empty()) {
    params[1] = octets(OSSL_PKEY_PARAM_PRIV_KEY, private_key);
  }
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  const int result = EVP_PKEY_fromdata(
      context.get(), &key, private_key.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, params);
  EXPECT_EQ(result == 1, key != nullptr);
  return KeyPointer(key);
}

TEST_F(Provider, ImportChecksThatTheHalvesBelongTogether) {
  const SecretBytes der = key_.pkcs8();
  const ByteView private_part = der.view().subspan(24, falcon::kPrivateKeySize);
  const ByteView public_part = der.view().last(falcon::kPublicKeySize);
  const KeyPointer pair = from_data(private_part, public_part);
  ASSERT_NE(pair, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(pair.get(), key_.native()), 1);
  EXPECT_NE(from_data({}, public_part), nullptr);

  const PrivateKey other = PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value();
  const Bytes other_spki = other.public_key().spki();
  EXPECT_EQ(from_data(private_part, ByteView(other_spki).last(falcon::kPublicKeySize)), nullptr);
  EXPECT_EQ(from_data(private_part.first(100), public_part), nullptr);
  EXPECT_EQ(from_data({}, public_part.first(100)), nullptr);
}

TEST_F(Provider, KeysCanBeCheckedExportedAndDuplicated) {
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.native(), nullptr));
  EXPECT_EQ(EVP_PKEY_check(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_public_check(context.get()), 1);
  const KeyPointer copy(EVP_PKEY_dup(key_.native()));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(copy.get(), key_.native()), 1);
  OSSL_PARAM* exported = nullptr;
  ASSERT_EQ(EVP_PKEY_todata(key_.native(), EVP_PKEY_KEYPAIR, &exported), 1);
  const OSSL_PARAM* private_part = OSSL_PARAM_locate_const(exported, OSSL_PKEY_PARAM_PRIV_KEY);
  ASSERT_NE(private_part, nullptr);
  EXPECT_EQ(private_part->data_size, falcon::kPrivateKeySize);
  OSSL_PARAM_free(exported);
}

// --- encoders and decoders
// -------------------------------------------------------------------------

std::string written(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST_F(Provider, OpensslWritesTheSameContainers) {
  const BioPointer pem(BIO_new(BIO_s_mem()));
  ASSERT_EQ(
      PEM_write_bio_PrivateKey(pem.get(), key_.native(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  EXPECT_EQ(written(pem.get()), as_text(key_.pem().view()));
  const BioPointer public_pem(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PUBKEY(public_pem.get(), key_.native()), 1);
  const KeyPointer read(PEM_read_bio_PUBKEY(public_pem.get(), nullptr, nullptr, nullptr));
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(read.get(), key_.native()), 1);
  EXPECT_EQ(key_.public_key().spki().size(), 1811U);
  EXPECT_EQ(key_.pkcs8().size(), 4122U);
}

TEST_F(Provider, OpensslReadsPemAndDer) {
  const SecretBytes pem = key_.pem();
  const BioPointer in(BIO_new_mem_buf(pem.view().data(), static_cast<int>(pem.size())));
  const KeyPointer from_pem(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  ASSERT_NE(from_pem, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(from_pem.get(), key_.native()), 1);
  const SecretBytes der = key_.pkcs8();
  const unsigned char* cursor = der.view().data();
  const KeyPointer from_der(d2i_AutoPrivateKey(nullptr, &cursor, static_cast<long>(der.size())));
  ASSERT_NE(from_der, nullptr);
  EXPECT_EQ(cursor, der.view().data() + der.size());
}

// An encoder that ignored the cipher would write the key in the clear.
TEST_F(Provider, EncryptionIsNeverSilentlyLeftOut) {
  const EncoderPointer encoder(OSSL_ENCODER_CTX_new_for_pkey(key_.native(), EVP_PKEY_KEYPAIR, "DER",
                                                             "PrivateKeyInfo", nullptr));
  EXPECT_NE(OSSL_ENCODER_CTX_set_cipher(encoder.get(), "AES-256-CBC", nullptr), 1);
  const BioPointer pem(BIO_new(BIO_s_mem()));
  char password[] = "password";
  EXPECT_NE(PEM_write_bio_PKCS8PrivateKey(pem.get(), key_.native(), EVP_aes_256_cbc(), password,
                                          sizeof password - 1, nullptr, nullptr),
            1);
  EXPECT_EQ(written(pem.get()), "");
}

TEST_F(Provider, EncryptedContainersOfOpensslAreRead) {
  const NativePointer<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> plain(
      EVP_PKEY2PKCS8(key_.native()));
  ASSERT_NE(plain, nullptr);
  char password[] = "password";
  const NativePointer<X509_SIG, X509_SIG_free> sealed(PKCS8_encrypt(
      -1, EVP_aes_256_cbc(), password, sizeof password - 1, nullptr, 0, 1000, plain.get()));
  ASSERT_NE(sealed, nullptr);
  const BioPointer pem(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PKCS8(pem.get(), sealed.get()), 1);
  // Not by from_pem, which has no password to ask for.
  EXPECT_EQ(PrivateKey::from_pem(written(pem.get())).error().code(), "crypto.key_malformed");
  const KeyPointer read(PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, password));
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(read.get(), key_.native()), 1);
}

TEST_F(Provider, DecodersLeaveOthersAndWhatFollowsAlone) {
  const PrivateKey ed25519 = PrivateKey::generate(SignatureAlgorithm::kEd25519).value();
  Bytes two = key_.public_key().spki();
  append(two, ed25519.public_key().spki());
  append(two, key_.public_key().spki());
  const BioPointer in(BIO_new_mem_buf(two.data(), static_cast<int>(two.size())));
  for (const char* expected : {"falcon1024", "ED25519", "falcon1024"}) {
    EVP_PKEY* raw = nullptr;
    const DecoderPointer decoder(OSSL_DECODER_CTX_new_for_pkey(
        &raw, "DER", "SubjectPublicKeyInfo", nullptr, EVP_PKEY_PUBLIC_KEY, nullptr, nullptr));
    ASSERT_EQ(OSSL_DECODER_from_bio(decoder.get(), in.get()), 1) << expected;
    const KeyPointer key(raw);
    EXPECT_EQ(EVP_PKEY_is_a(key.get(), expected), 1);
  }
  EXPECT_EQ(BIO_pending(in.get()), 0);
}

TEST_F(Provider, MalformedKeysDecodeToNothing) {
  const Bytes spki = key_.public_key().spki();
  const auto decodes = [](const Bytes& der) {
    const unsigned char* cursor = der.data();
    const KeyPointer key(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
    return key != nullptr;
  };
  EXPECT_TRUE(decodes(spki));
  Bytes other_oid = spki;
  other_oid[12] = 0x0B;  // 1.3.9999.3.11, falcon512
  EXPECT_FALSE(decodes(other_oid));
  Bytes header = spki;
  header[18] = 0x09;
  EXPECT_FALSE(decodes(header));
  Bytes coefficient = spki;
  coefficient[19] = coefficient[20] = 0xFF;
  EXPECT_FALSE(decodes(coefficient));
  Bytes short_key(spki.begin(), spki.end() - 1);
  EXPECT_FALSE(decodes(short_key));
}

// --- life cycle
// ------------------------------------------------------------------------------------

// Run under ASan this also shows that unloading leaves nothing behind.
TEST_F(Provider, LoadsIntoOtherLibraryContextsAndUnloads) {
  for (int round = 0; round < 3; ++round) {
    OSSL_LIB_CTX* libctx = OSSL_LIB_CTX_new();
    ASSERT_EQ(OSSL_PROVIDER_add_builtin(libctx, "i2falcon", i2_falcon_provider_init), 1);
    OSSL_PROVIDER* provider = OSSL_PROVIDER_load(libctx, "i2falcon");
    ASSERT_NE(provider, nullptr);
    // Loaded alone it switches the implicit default provider off.
    const NativePointer<EVP_MD, EVP_MD_free> without(EVP_MD_fetch(libctx, "SHA256", nullptr));
    EXPECT_EQ(without, nullptr);
    OSSL_PROVIDER* defaults = OSSL_PROVIDER_load(libctx, "default");
    const NativePointer<EVP_MD, EVP_MD_free> with(EVP_MD_fetch(libctx, "SHA256", nullptr));
    EXPECT_NE(with, nullptr);
    {
      const Bytes spki = key_.public_key().spki();
      const unsigned char* cursor = spki.data();
      const KeyPointer key(
          d2i_PUBKEY_ex(nullptr, &cursor, static_cast<long>(spki.size()), libctx, nullptr));
      EXPECT_NE(key, nullptr);
    }
    OSSL_PROVIDER_unload(provider);
    OSSL_PROVIDER_unload(defaults);
    OSSL_LIB_CTX_free(libctx);
  }
}

int no_bytes(unsigned char*, int) {
  return 0;
}
int not_seeded() {
  return 0;
}

TEST_F(Provider, StopsWhenTheRandomGeneratorFails) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  static const RAND_METHOD kBroken = {.seed = nullptr,
                                      .bytes = no_bytes,
                                      .cleanup = nullptr,
                                      .add = nullptr,
                                      .pseudorand = no_bytes,
                                      .status = not_seeded};
  EXPECT_DEATH(
      {
        RAND_set_rand_method(&kBroken);
        (void)key_.sign(as_bytes("m"));
      },
      "random number generator failed");
}

}  // namespace
}  // namespace i2::crypto
