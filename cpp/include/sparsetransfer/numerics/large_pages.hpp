#pragma once

#include <cstddef>

namespace sparsetransfer {

/// Asks for large pages where `bytes` of memory that will all be used fill some: scattered columns
/// of a large matrix then miss fewer translations of addresses, and are cleared in larger parts.
void prefer_large_pages(void* memory, std::size_t bytes);

}  // namespace sparsetransfer
