# Compiler settings that hold for every target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# -O3 makes the build a third longer and nothing measurably faster: the hot loops are in libraries.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -gline-tables-only -DNDEBUG")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -gline-tables-only -DNDEBUG")

set(I2_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
set(I2_UNITY 8 CACHE STRING "Sources of a target that are compiled together; 0: each on its own")
option(I2_FUZZ "Build fuzz targets with libFuzzer instead of corpus replay" OFF)
option(I2_FALCON_NATIVE_DOUBLE "Sign with leaf keys on native doubles (fast; bit-identical)" ON)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                    -Wnon-virtual-dtor -Wold-style-cast -Werror=return-type -Werror=switch
                    -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)  # lets ccache see through precompiled headers
  # GCC 14 warns of std::expected members that were never constructed, and of coroutine frames.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fcoroutines> -Wno-maybe-uninitialized
                      -Wno-mismatched-new-delete)
endif()
string(REPLACE "-Wold-style-cast" "" CMAKE_C_FLAGS "${CMAKE_C_FLAGS}")

if(I2_SANITIZE)
  add_compile_options(-fsanitize=${I2_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${I2_SANITIZE})
  if(I2_SANITIZE MATCHES "address")
    # Nothing to relocate: tests start the client hundreds of times.
    add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>)
  endif()
  add_compile_definitions(I2_SANITIZED=1)
else()
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
if(I2_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
elseif(I2_SANITIZE MATCHES "address")
  # Half the time of a build goes into optimising instrumented code; what takes time in tests is C.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-O0>)
  # Checked at every use of a pointer, a third of the code: the fuzz targets have them. ASan reports null too.
  add_compile_options(-fno-sanitize=null,alignment,object-size)
endif()

find_program(I2_MOLD mold)
if(I2_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,-z,relro,-z,now)
