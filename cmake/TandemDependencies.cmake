# Every library the project stands on; docs/dependencies.md says why each is here.
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)
# Debian's dnnl-config.cmake asks for OpenCL headers that a program on the processor does not need.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
if(NOT TARGET tandem_onednn)
  add_library(tandem_onednn UNKNOWN IMPORTED)
  set_target_properties(tandem_onednn PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
                                                 INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
endif()
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibArchive REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(SQLite3 REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers alone: Asio and Beast
find_package(simdjson REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

set(TANDEM_PRIVATE_LIBRARIES OpenMP::OpenMP_CXX tandem_onednn PkgConfig::HWY yaml-cpp nlohmann_json::nlohmann_json
    JPEG::JPEG PNG::PNG ZLIB::ZLIB LibArchive::LibArchive CURL::libcurl OpenSSL::Crypto SQLite::SQLite3
    Boost::headers simdjson::simdjson PkgConfig::SENTENCEPIECE PkgConfig::UTF8PROC)
