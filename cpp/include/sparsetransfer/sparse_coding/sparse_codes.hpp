#pragma once

#include <concepts>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Memory of one worker for a block of codes, dense and compressed.
template <typename T>
struct CodeScratch {
  Matrix<T> block;
  std::unique_ptr<T[]> values;
  std::unique_ptr<int[]> atoms;
  Index capacity = 0;  // of values and atoms
};

/// The non-zeros of codes (atoms x samples), which are all zero at first.
template <typename T>
class SparseCodes {
 public:
  SparseCodes(Index atoms, Index samples)
      : atoms_(atoms), codes_(static_cast<std::size_t>(samples)) {}

  Index atoms() const { return atoms_; }
  Index samples() const { return static_cast<Index>(codes_.size()); }
  Index nonzeros() const;

  /// Replaces the codes of signals from `begin` on by those given (atoms x count). Threads may call
  /// this for different signals at a time.
  void keep(Index begin, const ConstMatrixRef<T>& codes, CodeScratch<T>& scratch);

  /// Writes the code (atoms) of one signal.
  void read(Index signal, Eigen::Ref<Vector<T>> code) const;

  /// Writes values and atoms (both nonzeros) signal by signal, the atoms of each ascending, and
  /// where each signal starts (samples + 1): the arrays of a CSR matrix of samples in rows.
  template <typename I>
  void join(const Execution& execution, T* values, I* atoms, I* starts) const;

 private:
  struct Piece {  // what one call of `keep` has brought
    std::unique_ptr<T[]> values;
    std::unique_ptr<int[]> atoms;
  };
  struct Code {
    const T* values = nullptr;
    const int* atoms = nullptr;
    Index size = 0;
  };

  Index atoms_;
  std::vector<Code> codes_;
  std::mutex mutex_;
  std::vector<Piece> pieces_;  // guarded by the mutex
};

/// Where coders put codes (atoms x samples): a dense matrix of the caller, or `SparseCodes`. Refers
/// to either, and is copied freely.
template <typename T>
class CodeOutput {
 public:
  CodeOutput(SparseCodes<T>& codes) : dense_(nullptr, 0, 0, {0, 1}), sparse_(&codes) {}
  CodeOutput(MatrixRef<T> codes)
      : dense_(codes.data(), codes.rows(), codes.cols(), {codes.outerStride(), 1}) {}
  template <typename Dense>
    requires(std::constructible_from<MatrixRef<T>, Dense&&>)
  CodeOutput(Dense&& codes) : CodeOutput(MatrixRef<T>(std::forward<Dense>(codes))) {}

  Index atoms() const { return sparse_ ? sparse_->atoms() : dense_.rows(); }
  Index samples() const { return sparse_ ? sparse_->samples() : dense_.cols(); }

  /// Calls solve(block) to write the codes of `count` signals from `begin` on; the block holds what
  /// they are by now only if they are dense or `warm`.
  template <typename Solve>
  void write(Index begin, Index count, bool warm, CodeScratch<T>& scratch, const Solve& solve) {
    if (!sparse_) return solve(MatrixRef<T>(dense_.middleCols(begin, count)));
    if (scratch.block.cols() < count) scratch.block.resize(atoms(), count);
    MatrixRef<T> block = scratch.block.leftCols(count);
    for (Index i = 0; warm && i < count; ++i) sparse_->read(begin + i, block.col(i));
    solve(block);
    sparse_->keep(begin, block, scratch);
  }

  /// The code (atoms) of one signal, and its replacement.
  Vector<T> code(Index signal) const;
  void replace(Index signal, const Vector<T>& code);

 private:
  Eigen::Map<Matrix<T>, 0, Eigen::Stride<Eigen::Dynamic, 1>> dense_;
  SparseCodes<T>* sparse_ = nullptr;
};

}  // namespace sparsetransfer
