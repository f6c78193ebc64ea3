#include "sparsetransfer/numerics/large_pages.hpp"

#ifdef __linux__
#include <sys/mman.h>

#include <cstdint>
#endif

namespace sparsetransfer {

#ifdef __linux__
void prefer_large_pages(void* memory, std::size_t bytes) {
  constexpr std::uintptr_t page = 4096;
  constexpr std::size_t few = std::size_t(1) << 22;  // two large pages, of which one may be whole
  if (bytes < few) return;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t begin = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + bytes) / page * page;
  // A kernel without large pages refuses, and nothing is lost.
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}
#else
void prefer_large_pages(void*, std::size_t) {}
#endif

}  // namespace sparsetransfer
