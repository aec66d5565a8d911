# i2_library(name LEVEL n [HEADERS ...] [SOURCES ...] [DEPS ...] [PRIVATE_DEPS ...] [PROTOS ...] [PCH kind])
#
# Declares a library of the project. `name` is the folder below src/ with '/' as '_' (stoq_core is
# src/stoq/core); the target is i2::name. A dependency without '::' is another library of the project and
# must have a strictly lower LEVEL. Public headers live in include/ and are compiled on their own.
function(i2_library name)
  cmake_parse_arguments(ARG "" "LEVEL;PCH" "HEADERS;SOURCES;DEPS;PRIVATE_DEPS;PROTOS" ${ARGN})
  if(NOT DEFINED ARG_LEVEL OR ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "i2_library(${name}): LEVEL missing or unknown words: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  set(target i2_${name})
  set_property(GLOBAL PROPERTY I2_LEVEL_${name} ${ARG_LEVEL})
  set(public)
  set(private)
  foreach(scope DEPS PRIVATE_DEPS)
    foreach(dep IN LISTS ARG_${scope})
      if(NOT dep MATCHES "::")
        get_property(level GLOBAL PROPERTY I2_LEVEL_${dep})
        if(level STREQUAL "")
          message(FATAL_ERROR "i2_library(${name}): '${dep}' is not declared (yet)")
        endif()
        if(NOT level LESS ARG_LEVEL)
          message(FATAL_ERROR "i2_library(${name}): level ${ARG_LEVEL} must not depend on '${dep}' "
                              "of level ${level}")
        endif()
        set(dep i2::${dep})
      endif()
      if(scope STREQUAL "DEPS")
        list(APPEND public ${dep})
      else()
        list(APPEND private ${dep})
      endif()
    endforeach()
  endforeach()

  if(ARG_SOURCES OR ARG_PROTOS)
    add_library(${target} STATIC ${ARG_SOURCES})
    set(access PUBLIC)
    target_include_directories(${target} PRIVATE src)
    target_link_libraries(${target} PRIVATE ${private})
    if(NOT ARG_PCH)
      set(ARG_PCH std)
    endif()
    target_precompile_headers(${target} REUSE_FROM i2_pch_${ARG_PCH})
    i2_unity(${target})
  else()
    add_library(${target} INTERFACE)
    set(access INTERFACE)
  endif()
  add_library(i2::${name} ALIAS ${target})
  target_include_directories(${target} ${access} include)
  target_link_libraries(${target} ${access} ${public})
  if(ARG_HEADERS)
    target_sources(${target} ${access} FILE_SET HEADERS BASE_DIRS include FILES ${ARG_HEADERS})
    set_property(TARGET ${target} PROPERTY VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
  if(ARG_PROTOS)
    i2_protos(${target} ${ARG_PROTOS})
  endif()
endfunction()

# Compiles several sources of a target at a time: most of the time goes into the same headers and templates.
# Names in their anonymous namespaces must differ.
function(i2_unity target)
  if(I2_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${I2_UNITY})
    # GCC takes an included source for a header, whose anonymous namespace would be a mistake.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# Generates C++ for .proto files into the target; #include "i2/<lib>/<file>.pb.h" as laid out in proto/.
function(i2_protos target)
  foreach(proto IN LISTS ARGN)
    cmake_path(REMOVE_EXTENSION proto OUTPUT_VARIABLE stem)
    cmake_path(RELATIVE_PATH stem BASE_DIRECTORY proto OUTPUT_VARIABLE below)
    set(out "${CMAKE_CURRENT_BINARY_DIR}/proto/${below}")
    add_custom_command(
      OUTPUT ${out}.pb.cc ${out}.pb.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/proto
      COMMAND protobuf::protoc --cpp_out=${CMAKE_CURRENT_BINARY_DIR}/proto
              -I${CMAKE_CURRENT_SOURCE_DIR}/proto ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${proto}
      DEPENDS_EXPLICIT_ONLY
      VERBATIM)
    target_sources(${target} PRIVATE ${out}.pb.cc)
    set_source_files_properties(${out}.pb.cc PROPERTIES COMPILE_OPTIONS "-w" SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
  target_include_directories(${target} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR}/proto)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf-lite)
endfunction()

# i2_test(name SOURCES ... [DEPS ...] [LABELS ...] [TIMEOUT s] [PCH kind] [PARTS n]): a GoogleTest binary, one
# ctest entry, or `n` that share its tests, where one would take longer than all others.
function(i2_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PCH;PARTS" "SOURCES;DEPS;LABELS" ${ARGN})
  if(I2_FUZZ)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)  # under sanitizers on a busy machine
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE I2_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  i2_test_options(${name})
  i2_unity(${name})
  if(NOT ARG_PCH)
    set(ARG_PCH test)
  endif()
  target_precompile_headers(${name} REUSE_FROM i2_pch_${ARG_PCH})
  if(NOT ARG_PARTS)
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
    return()
  endif()
  foreach(part RANGE 1 ${ARG_PARTS})
    math(EXPR index "${part} - 1")
    add_test(NAME ${name}_${part} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(${name}_${part} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" COST 90
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_PARTS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# i2_plain_programs(TARGET...): only tests with the label `plain` need them, which run under sanitizers with
# --full only; there the target `plain_programs` makes them.
function(i2_plain_programs)
  if(NOT TARGET plain_programs)
    add_custom_target(plain_programs)
  endif()
  add_dependencies(plain_programs ${ARGN})
  if(I2_SANITIZE)
    set_target_properties(${ARGN} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# i2_fuzz(name SOURCES ... [DEPS ...] [INCLUDES ...]): a libFuzzer target under the fuzz preset. Otherwise a
# part of fuzz_replay, which gives it the files of corpus/<name>/; under the other sanitizers that is a test.
function(i2_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;INCLUDES" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  if(I2_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_DEPS})
    target_include_directories(${name} PRIVATE ${ARG_INCLUDES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    set_property(GLOBAL APPEND PROPERTY I2_FUZZ_NAMES ${name})
    set_property(GLOBAL APPEND PROPERTY I2_FUZZ_DEPS ${ARG_DEPS})
    list(TRANSFORM ARG_INCLUDES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    set_property(GLOBAL APPEND PROPERTY I2_FUZZ_INCLUDES ${ARG_INCLUDES})
    set_property(GLOBAL PROPERTY I2_FUZZ_SOURCES_${name} ${ARG_SOURCES})
  endif()
endfunction()

# All i2_fuzz targets as one program: fuzz_replay NAME FOLDER...
function(i2_fuzz_replay)
  get_property(names GLOBAL PROPERTY I2_FUZZ_NAMES)
  get_property(deps GLOBAL PROPERTY I2_FUZZ_DEPS)
  get_property(includes GLOBAL PROPERTY I2_FUZZ_INCLUDES)
  list(REMOVE_DUPLICATES deps)
  add_executable(fuzz_replay ${CMAKE_SOURCE_DIR}/corpus/replay_main.cc)
  target_link_libraries(fuzz_replay PRIVATE ${deps})
  target_include_directories(fuzz_replay PRIVATE ${includes} ${CMAKE_BINARY_DIR}/fuzz_replay)
  set(table "")
  foreach(name IN LISTS names)
    get_property(sources GLOBAL PROPERTY I2_FUZZ_SOURCES_${name})
    target_sources(fuzz_replay PRIVATE ${sources})
    set_source_files_properties(${sources} PROPERTIES COMPILE_DEFINITIONS LLVMFuzzerTestOneInput=${name})
    string(APPEND table "I2_FUZZ_TARGET(${name})\n")
    if(I2_SANITIZE)
      add_test(NAME ${name} COMMAND fuzz_replay ${name} ${CMAKE_SOURCE_DIR}/corpus/${name})
      set_tests_properties(${name} PROPERTIES LABELS "fuzz-replay")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/fuzz_replay/fuzz_targets.inc CONTENT "${table}" @ONLY)
  i2_program_pch(fuzz_replay)
  if(NOT I2_SANITIZE)
    set_target_properties(fuzz_replay PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# i2_bench(name SOURCES ... [DEPS ...]): a Google Benchmark binary, built and run by ./bench.sh.
function(i2_bench name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(I2_FUZZ OR I2_SANITIZE)
    return()
  endif()
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} benchmark::benchmark)
endfunction()

# Precompiled headers, shared by all targets of one kind: standard library, GoogleTest and Asio cost two to
# seven seconds in every file otherwise. They change nothing of what a file has to include.
#   std        libraries                    asio       libraries with coroutines; and JSON
#   test       tests                        asio_test  tests with coroutines
set(I2_PCH_STD algorithm array chrono cstdint expected filesystem format functional map memory
    optional set span string string_view unordered_map utility variant vector)
set(I2_PCH_ASIO any_completion_handler any_io_executor awaitable bind_executor co_spawn detached
    io_context post posix/stream_descriptor steady_timer this_coro use_awaitable use_future)
list(TRANSFORM I2_PCH_ASIO REPLACE "(.+)" "boost/asio/\\1.hpp")
set(I2_PCH_TEST gtest/gtest.h gmock/gmock.h)

function(i2_pch name)
  set(target i2_pch_${name})
  file(WRITE ${CMAKE_BINARY_DIR}/pch/${name}.cc "")
  add_library(${target} OBJECT ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  list(TRANSFORM ARGN REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${target} PRIVATE ${ARGN})
  if(name MATCHES "test$")
    i2_test_options(${target})
    target_link_libraries(${target} PRIVATE GTest::gtest GTest::gmock)
  endif()
  if(name MATCHES "test$")
    # Compiled like the executables that use it.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIE)
  endif()
endfunction()

# A program that uses the precompiled headers of libraries, and is compiled like them therefore.
function(i2_program_pch target)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM i2_pch_asio)
endfunction()

# What tests check is compiled as everywhere else; the checks themselves need no optimiser.
function(i2_test_options target)
  target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE)
endfunction()

i2_pch(std ${I2_PCH_STD})
i2_pch(asio ${I2_PCH_STD} ${I2_PCH_ASIO} nlohmann/json.hpp)
if(NOT I2_FUZZ)
  i2_pch(test ${I2_PCH_STD} ${I2_PCH_TEST})
  i2_pch(asio_test ${I2_PCH_STD} ${I2_PCH_ASIO} ${I2_PCH_TEST})
endif()
