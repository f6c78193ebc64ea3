# Copies the headers of an imported target into the build folder and has the target use the copy.
# Every isolated build of pip installs its requirements anew, in another folder and with other
# times: a copy that changes only with its content lets the next build keep what it compiled.
function(sparsetransfer_keep_headers target)
  get_target_property(from ${target} INTERFACE_INCLUDE_DIRECTORIES)
  string(MAKE_C_IDENTIFIER "${target}" name)
  set(kept "${CMAKE_BINARY_DIR}/headers/${name}")
  foreach(folder IN LISTS from)
    file(GLOB_RECURSE headers RELATIVE "${folder}" "${folder}/Eigen/*" "${folder}/pybind11/*.h")
    foreach(header IN LISTS headers)
      get_filename_component(below "${header}" DIRECTORY)
      file(MAKE_DIRECTORY "${kept}/${below}")
      file(COPY_FILE "${folder}/${header}" "${kept}/${header}" ONLY_IF_DIFFERENT)
    endforeach()
  endforeach()
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${kept}")
endfunction()
