# Every third-party package, found once. Versions that are wrong are refused here, not at run time.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.5 REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
find_package(Boost 1.88 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(UNBOUND REQUIRED IMPORTED_TARGET libunbound>=1.22)

# ngtcp2 and its crypto library must come from one version: plain trixie silently mixes the headers of 1.11
# with the library of 1.22 (tools/apt-preferences).
pkg_check_modules(NGTCP2 REQUIRED libngtcp2>=1.22)
pkg_check_modules(NGTCP2_CRYPTO REQUIRED libngtcp2_crypto_ossl>=1.22)
if(NOT NGTCP2_VERSION STREQUAL NGTCP2_CRYPTO_VERSION)
  message(FATAL_ERROR "libngtcp2 is ${NGTCP2_VERSION} but libngtcp2_crypto_ossl is "
                      "${NGTCP2_CRYPTO_VERSION}: install both from trixie-backports")
endif()
# Static, so that a build of the transport does not depend on which ngtcp2 the target machine has.
find_library(NGTCP2_STATIC libngtcp2.a REQUIRED)
find_library(NGTCP2_CRYPTO_STATIC libngtcp2_crypto_ossl.a REQUIRED)
add_library(ngtcp2 INTERFACE)
target_link_libraries(ngtcp2 INTERFACE ${NGTCP2_CRYPTO_STATIC} ${NGTCP2_STATIC} OpenSSL::SSL
                                       OpenSSL::Crypto)
add_library(ngtcp2::ngtcp2 ALIAS ngtcp2)

# Static: loading the shared library takes longer than all the rest of a client's start.
pkg_check_modules(ROCKSDB REQUIRED rocksdb)
find_library(ROCKSDB_STATIC librocksdb.a REQUIRED)
pkg_check_modules(ROCKSDB_DEPS REQUIRED IMPORTED_TARGET snappy liblz4 libzstd zlib)
add_library(rocksdb INTERFACE)
target_link_libraries(rocksdb INTERFACE ${ROCKSDB_STATIC} PkgConfig::ROCKSDB_DEPS bz2 Threads::Threads)
target_link_options(rocksdb INTERFACE -Wl,--gc-sections)
add_library(rocksdb::rocksdb ALIAS rocksdb)

# HTTP: nghttp3 of the same origin as ngtcp2, static for the same reason; nghttp2 as Debian has it.
pkg_check_modules(NGHTTP3 REQUIRED libnghttp3>=1.15)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.64)
find_library(NGHTTP3_STATIC libnghttp3.a REQUIRED)
add_library(nghttp3 INTERFACE)
target_link_libraries(nghttp3 INTERFACE ${NGHTTP3_STATIC})
add_library(nghttp3::nghttp3 ALIAS nghttp3)

# Optional: AES-GCM for packet protection (x86-64 only).
find_library(I2_IPSEC_MB_LIBRARY libIPSec_MB.a)
find_path(I2_IPSEC_MB_INCLUDE intel-ipsec-mb.h)
if(I2_IPSEC_MB_LIBRARY AND I2_IPSEC_MB_INCLUDE)
  set(I2_IPSEC_MB ON)
  add_library(ipsec_mb INTERFACE)
  target_include_directories(ipsec_mb SYSTEM INTERFACE ${I2_IPSEC_MB_INCLUDE})
  target_link_libraries(ipsec_mb INTERFACE ${I2_IPSEC_MB_LIBRARY})
  add_library(ipsec_mb::ipsec_mb ALIAS ipsec_mb)
else()
  set(I2_IPSEC_MB OFF)
endif()

include(Pqclean)
