#pragma once

#include <memory>
#include <vector>

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// The active entries of the codes, packed sample by sample.
struct ActiveEntries {
  std::vector<Index> offsets;  // first entry of each sample
  std::vector<Index> atoms;    // of the entries

  Index size() const { return offsets.back(); }
  Index offset(Index sample) const { return offsets[static_cast<std::size_t>(sample)]; }
  Index atom(Index at) const { return atoms[static_cast<std::size_t>(at)]; }
  Index count(Index sample) const { return offset(sample + 1) - offset(sample); }
};

/// An approximate inverse of the Newton system of the active entries: without a Laplacian one
/// Cholesky factor per sample and, for few atoms, the Woodbury identity for the mean terms; with
/// one, the diagonal. Refers to its arguments, which have to outlive it.
template <typename T>
class NewtonPreconditioner {
 public:
  NewtonPreconditioner(const Execution& execution, const CodeProblem<T>& problem,
                       const ActiveEntries& entries);

  Vector<T> apply(const Vector<T>& packed) const;
  /// (atoms x r): sum over samples of the packed vector's entries times e_i'.
  Matrix<T> collect(const Vector<T>& packed) const;

 private:
  using Block = Eigen::Map<Matrix<T>>;

  template <typename Body>
  void for_samples(double flops, const Body& body) const;
  Block factor(Index sample) const;
  T gram(Index sample, Index a, Index b) const;
  T laplacian_diagonal(Index sample) const;
  void scale();
  void factorise();
  void gather(Index sample, Block target) const;
  void scatter_outer(Index sample, const Matrix<T>& inverse_factor, Matrix<T>& sum) const;
  T coupled(const Matrix<T>& collected, Index sample, Index at) const;
  void solve_block(Index sample, Vector<T>& packed) const;

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const ActiveEntries& entries_;
  const Index atoms_;
  const Index samples_;
  const Index rank_;
  std::vector<std::size_t> block_offsets_;
  std::unique_ptr<T[]> factors_;  // Cholesky factors of G_AA + ridge I
  T ridge_ = 0;
  bool woodbury_ = false;
  Matrix<T> capacitance_;  // factored
  Vector<T> scales_;
  Matrix<T> label_gram_;  // W'W
};

extern template class NewtonPreconditioner<float>;
extern template class NewtonPreconditioner<double>;

}  // namespace sparsetransfer::transfer
