#include "sparsetransfer/sparse_coding/sparse_codes.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kStrip = 64;  // coefficients that are looked at together
constexpr Index kSignalsPerTask = 1024;
constexpr double kPriceOfEntry = 32;  // operations: its memory is touched for the first time

/// A bit for each of at most 64 coefficients: whether it is not zero.
template <typename T>
std::uint64_t nonzero_bits(const T* code, Index count) {
  std::uint64_t bits = 0;
  for (Index j = 0; j < count; ++j) bits |= std::uint64_t(code[j] != T(0)) << j;
  return bits;
}

/// Appends the non-zeros of a code at `found`, and returns where they end.
template <typename T>
Index append_nonzeros(const T* code, Index atoms, Index found, T* values, int* places) {
  for (Index begin = 0; begin < atoms; begin += kStrip) {
    const Index count = std::min(kStrip, atoms - begin);
    std::uint64_t bits =
        count == kStrip ? nonzero_bits(code + begin, kStrip) : nonzero_bits(code + begin, count);
    for (; bits != 0; bits &= bits - 1) {
      const Index atom = begin + std::countr_zero(bits);
      values[found] = code[atom];
      places[found++] = static_cast<int>(atom);
    }
  }
  return found;
}

}  // namespace

template <typename T>
Index SparseCodes<T>::nonzeros() const {
  Index sum = 0;
  for (const Code& code : codes_) sum += code.size;
  return sum;
}

template <typename T>
void SparseCodes<T>::keep(Index begin, const ConstMatrixRef<T>& codes, CodeScratch<T>& scratch) {
  const Index room = codes.size();
  if (scratch.capacity < room) {
    scratch.values = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(room));
    scratch.atoms = std::make_unique_for_overwrite<int[]>(static_cast<std::size_t>(room));
    scratch.capacity = room;
  }
  std::vector<Index> ends(static_cast<std::size_t>(codes.cols()));
  Index found = 0;
  for (Index i = 0; i < codes.cols(); ++i)
    ends[static_cast<std::size_t>(i)] = found = append_nonzeros(
        codes.col(i).data(), atoms_, found, scratch.values.get(), scratch.atoms.get());
  const auto size = static_cast<std::size_t>(found);
  Piece piece{std::make_unique_for_overwrite<T[]>(size),
              std::make_unique_for_overwrite<int[]>(size)};
  std::copy_n(scratch.values.get(), found, piece.values.get());
  std::copy_n(scratch.atoms.get(), found, piece.atoms.get());
  Index start = 0;
  for (Index i = 0; i < codes.cols(); ++i) {
    const Index end = ends[static_cast<std::size_t>(i)];
    codes_[static_cast<std::size_t>(begin + i)] = {piece.values.get() + start,
                                                   piece.atoms.get() + start, end - start};
    start = end;
  }
  const std::lock_guard lock(mutex_);
  pieces_.push_back(std::move(piece));
}

template <typename T>
void SparseCodes<T>::read(Index signal, Eigen::Ref<Vector<T>> out) const {
  const Code& code = codes_[static_cast<std::size_t>(signal)];
  out.setZero();
  for (Index e = 0; e < code.size; ++e) out[code.atoms[e]] = code.values[e];
}

template <typename T>
template <typename I>
void SparseCodes<T>::join(const Execution& execution, T* values, I* atoms, I* starts) const {
  starts[0] = 0;
  for (std::size_t i = 0; i < codes_.size(); ++i)
    starts[i + 1] = starts[i] + static_cast<I>(codes_[i].size);
  parallel_for_blocks(
      execution.for_work(kPriceOfEntry * static_cast<double>(starts[samples()])), samples(),
      kSignalsPerTask, [&](Index begin, Index count, int) {
        for (Index i = begin; i < begin + count;) {
          // Codes that came together lie together.
          const Code& first = codes_[static_cast<std::size_t>(i)];
          const I start = starts[i];
          Index size = 0;
          for (; i < begin + count; ++i) {
            const Code& code = codes_[static_cast<std::size_t>(i)];
            if (code.values != first.values + size || code.atoms != first.atoms + size) break;
            size += code.size;
          }
          std::copy_n(first.values, size, values + start);
          std::copy_n(first.atoms, size, atoms + start);
        }
      });
}

template <typename T>
Vector<T> CodeOutput<T>::code(Index signal) const {
  if (!sparse_) return dense_.col(signal);
  Vector<T> out(atoms());
  sparse_->read(signal, out);
  return out;
}

template <typename T>
void CodeOutput<T>::replace(Index signal, const Vector<T>& code) {
  CodeScratch<T> scratch;
  if (sparse_)
    sparse_->keep(signal, code, scratch);
  else
    dense_.col(signal) = code;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                           \
  template class SparseCodes<T>;                                                                \
  template class CodeOutput<T>;                                                                 \
  template void SparseCodes<T>::join(const Execution&, T*, std::int32_t*, std::int32_t*) const; \
  template void SparseCodes<T>::join(const Execution&, T*, std::int64_t*, std::int64_t*) const;
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
