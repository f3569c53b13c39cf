# `cmake --install` puts headers, library and a package file in place, so that find_package(tandem) works.
include(CMakePackageConfigHelpers)

install(TARGETS tandem EXPORT tandem-targets)
install(DIRECTORY tandem DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/tandem)
install(EXPORT tandem-targets NAMESPACE tandem:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)

configure_package_config_file(cmake/tandem-config.cmake.in tandem-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)
write_basic_package_version_file(tandem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandem-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/tandem-config-version.cmake
              cmake/TandemDependencies.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)
