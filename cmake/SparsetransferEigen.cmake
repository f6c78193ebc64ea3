# Finds Eigen >= 3.4 and provides the target Eigen3::Eigen.
# No version is passed to find_package: Eigen's version file accepts only its own major version,
# and version ranges reject Debian's 3.4.0. The version is checked by hand below.
if(NOT SPARSETRANSFER_EIGEN MATCHES "^(auto|system|pypi)$")
  message(FATAL_ERROR "SPARSETRANSFER_EIGEN must be auto, system or pypi, got '${SPARSETRANSFER_EIGEN}'")
endif()

if(NOT SPARSETRANSFER_EIGEN STREQUAL "system")
  find_package(Python COMPONENTS Interpreter REQUIRED)
  # cmeel packages install below site-packages/cmeel.prefix, where find_package does not look.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "import importlib.metadata as m; print(m.distribution('cmeel-eigen').locate_file('cmeel.prefix').as_posix())"
    OUTPUT_VARIABLE _cmeel_prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE _cmeel_missing ERROR_QUIET)
  if(_cmeel_missing EQUAL 0)
    find_package(Eigen3 CONFIG QUIET PATHS "${_cmeel_prefix}" NO_DEFAULT_PATH)
    if(TARGET Eigen3::Eigen)
      sparsetransfer_keep_headers(Eigen3::Eigen)
    endif()
  endif()
endif()
if(NOT TARGET Eigen3::Eigen AND NOT SPARSETRANSFER_EIGEN STREQUAL "pypi")
  find_package(Eigen3 CONFIG QUIET)
endif()
if(NOT TARGET Eigen3::Eigen OR Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR
    "Eigen >= 3.4 was not found (SPARSETRANSFER_EIGEN=${SPARSETRANSFER_EIGEN}): "
    "install the build requirement cmeel-eigen, or a system package such as libeigen3-dev")
endif()
message(STATUS "Eigen ${Eigen3_VERSION} in ${Eigen3_DIR}")
