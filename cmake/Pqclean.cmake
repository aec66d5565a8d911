# Falcon-1024 of the npm package `pqclean` (MIT), compiled here; none of its code is in this tree.
#
#   pqclean::falcon1024          emulated floating point, constant time (symbols PQCLEAN_FALCON1024_CLEAN_*)
#   pqclean::falcon1024_native   the same sources on hardware doubles (symbols I2_FALCON1024_NATIVE_*)
#
# package-lock.json pins the package by its integrity hash; its install scripts never run. The libraries
# leave PQCLEAN_randombytes undefined: i2::crypto supplies it.
set(version 0.8.1)
set(package "${CMAKE_SOURCE_DIR}/node_modules/pqclean")

function(i2_pqclean_version out)
  set(found "")
  if(EXISTS "${package}/package.json")
    file(READ "${package}/package.json" json)
    string(JSON found ERROR_VARIABLE ignored GET "${json}" version)
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

i2_pqclean_version(found)
if(NOT found STREQUAL version)
  find_program(I2_NPM npm)
  if(NOT I2_NPM)
    message(FATAL_ERROR "npm is missing, and node_modules/pqclean ${version} with it: install npm "
                        "(tools/packages.txt) and configure again")
  endif()
  message(STATUS "npm ci: fetching pqclean ${version}")
  execute_process(COMMAND ${I2_NPM} ci --ignore-scripts --no-audit --no-fund
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" RESULT_VARIABLE status OUTPUT_QUIET
                  ERROR_VARIABLE npm_errors)
  i2_pqclean_version(found)
  if(NOT status EQUAL 0 OR NOT found STREQUAL version)
    message(FATAL_ERROR
      "Falcon needs the npm package pqclean ${version}, and `npm ci --ignore-scripts` could not install "
      "it into node_modules/. Check that the npm registry can be reached, or run that command by hand, "
      "and configure again. npm said:\n${npm_errors}")
  endif()
endif()

set(common "${package}/deps/PQClean/common")
set(falcon "${package}/deps/PQClean/crypto_sign/falcon-1024/clean")
file(GLOB falcon_sources "${falcon}/*.c")
file(GLOB falcon_files "${falcon}/*.[ch]")
if(NOT falcon_sources)
  message(FATAL_ERROR "${falcon} holds no C files: remove node_modules and configure again")
endif()

# Both builds end up in one program, so the second one gets other names.
set(renames "")
foreach(file IN LISTS falcon_files)
  file(READ "${file}" text)
  string(REGEX MATCHALL "PQCLEAN_FALCON1024_CLEAN_[A-Za-z0-9_]+" names "${text}")
  list(APPEND renames ${names})
endforeach()
list(REMOVE_DUPLICATES renames)
list(FILTER renames EXCLUDE REGEX "_CRYPTO_|_API_H$") # macros of api.h
list(TRANSFORM renames REPLACE "PQCLEAN_FALCON1024_CLEAN_(.*)"
                               "#define PQCLEAN_FALCON1024_CLEAN_\\1 I2_FALCON1024_NATIVE_\\1\n")
list(JOIN renames "" renames)
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/pqclean/native_names.h" CONTENT "${renames}" @ONLY)

# Others' code: no warnings of ours and no UBSan (it reads int64_t through fpr pointers), but always
# optimised, always with separate multiply and add (a fused one changes keys and signatures).
function(i2_pqclean_library name)
  add_library(${name} STATIC ${ARGN})
  get_target_property(options ${name} COMPILE_OPTIONS)
  list(FILTER options EXCLUDE REGEX "^-W") # those for C++ are reported in spite of -w
  set_property(TARGET ${name} PROPERTY COMPILE_OPTIONS ${options})
  target_include_directories(${name} PRIVATE "${falcon}" "${common}")
  target_compile_options(${name} PRIVATE -w -ffp-contract=off -fno-fast-math -fno-math-errno
                                         -fvisibility=hidden -fno-sanitize=undefined
                                         $<$<CONFIG:Debug>:-O2>)
endfunction()

set(ours "${CMAKE_SOURCE_DIR}/src/crypto/src/falcon")
i2_pqclean_library(pqclean_fips202 "${common}/fips202.c")
target_compile_options(pqclean_fips202 PRIVATE -include "${ours}/wiping_alloc.h")

i2_pqclean_library(pqclean_falcon1024 ${falcon_sources})
target_link_libraries(pqclean_falcon1024 PUBLIC pqclean_fips202)
add_library(pqclean::falcon1024 ALIAS pqclean_falcon1024)

if(I2_FALCON_NATIVE_DOUBLE)
  i2_pqclean_library(pqclean_falcon1024_native_tables "${falcon}/fpr.c")
  target_compile_options(pqclean_falcon1024_native_tables PRIVATE
    -include "${CMAKE_BINARY_DIR}/pqclean/native_names.h")
  list(REMOVE_ITEM falcon_sources "${falcon}/fpr.c")
  i2_pqclean_library(pqclean_falcon1024_native ${falcon_sources})
  target_compile_options(pqclean_falcon1024_native PRIVATE
    "SHELL:-include ${CMAKE_BINARY_DIR}/pqclean/native_names.h"
    "SHELL:-include ${ours}/native_double.h")
  target_link_libraries(pqclean_falcon1024_native PUBLIC pqclean_falcon1024_native_tables
                                                         pqclean_fips202)
  add_library(pqclean::falcon1024_native ALIAS pqclean_falcon1024_native)
endif()
