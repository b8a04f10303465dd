# One interface target carries the flags that every target of the tree shares.
find_package(Threads REQUIRED)
add_library(partyline_options INTERFACE)
target_include_directories(partyline_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(partyline_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside Boost and the standard library when it inlines.
  target_compile_options(partyline_options INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds
                                                     -Wno-restrict -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
target_compile_definitions(partyline_options INTERFACE BOOST_ASIO_NO_DEPRECATED SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
target_link_libraries(partyline_options INTERFACE Threads::Threads)
if(PARTYLINE_SANITIZE)
  # Undefined behaviour ends the program as other findings do: a message in a log that nobody reads is no finding.
  target_compile_options(partyline_options INTERFACE -fsanitize=${PARTYLINE_SANITIZE} -fno-sanitize-recover=all
                                                     -fno-omit-frame-pointer)
  target_link_options(partyline_options INTERFACE -fsanitize=${PARTYLINE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(partyline_options INTERFACE -Wno-stringop-overread)  # as above
  endif()
  if(PARTYLINE_SANITIZE MATCHES "thread")
    target_compile_options(partyline_options INTERFACE -Wno-tsan)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # clang 14 puts what this check reads in front of every function, and cannot do so for the parts of a coroutine.
    target_compile_options(partyline_options INTERFACE -fno-sanitize=function)
  endif()
endif()
if(PARTYLINE_FUZZ)
  # Coverage of our code is what steers the fuzzers; their main function comes with -fsanitize=fuzzer at the link.
  target_compile_options(partyline_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Reading these headers again for each file was half of the time that a build took. Files still name all they use: the dev and fuzz presets
# build without (CMAKE_DISABLE_PRECOMPILE_HEADERS).
function(partyline_precompile target)
  target_precompile_headers(${target} PRIVATE <spdlog/spdlog.h> <algorithm> <chrono> <functional> <map> <memory> <optional> <string> <variant> <vector> ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # or ccache takes none of it
  endif()
endfunction()

# partyline_library(NAME [PUBLIC lib…] [PRIVATE lib…] [PARSERS file…]): the folder's sources, recursively, as one static
# library. PARSERS, which read what strangers send and need nothing else of the folder, are a library NAME_parsers of their
# own (part of NAME for everybody else), so that the fuzzers link them alone and are built in a minute.
function(partyline_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE;PARSERS;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    return()
  endif()
  if(arg_PARSERS)
    list(TRANSFORM arg_PARSERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    list(REMOVE_ITEM sources ${arg_PARSERS})
    add_library(${name}_parsers STATIC ${arg_PARSERS})
    partyline_precompile(${name}_parsers)
    target_link_libraries(${name}_parsers PUBLIC partyline_options PRIVATE ${arg_PRIVATE})
    foreach(lib ${arg_PUBLIC})
      if(TARGET ${lib}_parsers)
        target_link_libraries(${name}_parsers PUBLIC ${lib}_parsers)
      elseif(lib MATCHES "::")
        target_link_libraries(${name}_parsers PUBLIC ${lib})
      endif()
    endforeach()
    list(APPEND arg_PUBLIC ${name}_parsers)
  endif()
  add_library(${name} STATIC ${sources})
  partyline_precompile(${name} ${arg_PRECOMPILE})
  target_link_libraries(${name} PUBLIC partyline_options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
