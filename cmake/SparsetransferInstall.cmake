# Installs the core for C++ programs: find_package(sparsetransfer) gives
# sparsetransfer::sparsetransfer, compiled at the one level of SPARSETRANSFER_SIMD_LEVELS.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

list(LENGTH simd_levels number_of_levels)
if(NOT number_of_levels EQUAL 1)
  message(FATAL_ERROR "A C++ installation has one instruction set: set SPARSETRANSFER_SIMD_LEVELS "
    "to one of plain, v2, v3, v4 (got '${simd_levels}')")
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sparsetransfer")
set_target_properties(core_${simd_levels} PROPERTIES
  OUTPUT_NAME sparsetransfer EXPORT_NAME sparsetransfer)
install(TARGETS core_${simd_levels} EXPORT sparsetransferTargets)
install(DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include/" TYPE INCLUDE)
install(EXPORT sparsetransferTargets
  NAMESPACE sparsetransfer:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/sparsetransferConfig.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/sparsetransferConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/sparsetransferConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/sparsetransferConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/sparsetransferConfigVersion.cmake" DESTINATION "${package_dir}")
