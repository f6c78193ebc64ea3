#pragma once

#include <cstdint>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer::transfer {

/// A borrowed symmetric sparse matrix in compressed rows (equal to compressed columns).
template <typename T>
struct SymmetricSparse {
  const std::int64_t* indptr = nullptr;
  const std::int32_t* indices = nullptr;
  const T* values = nullptr;
  Index size = 0;     ///< rows; 0: absent
  Index entries = 0;  ///< of indices and values

  bool empty() const { return size == 0; }
};

/// The terms that couple the codes S (atoms x samples) of all samples:
///   1/2 |S E|_F^2 + 1/2 tr(S L S').
/// E (samples x r) holds one column per matched mean: for the marginal MMD r = 1 and
/// E = sqrt(mu) m with m_i = 1/n_s on the source, -1/n_t on the target. L is positive
/// semidefinite and already carries its strength. r = 0 or an empty L leaves a term out.
template <typename T>
struct Coupling {
  Eigen::Map<const Matrix<T>> means{nullptr, 0, 0};
  SymmetricSparse<T> laplacian;

  Index rank() const { return means.cols(); }
};

/// Adds 1/2 sum_i b_i |h_i - W s_i|^2, one target h_i per sample with b_i > 0. Here W'W only: the
/// linear part belongs into the correlations, b_i W'h_i, and the constant into the signal energy.
template <typename T>
struct LabelTerm {
  Eigen::Map<const Matrix<T>> map{nullptr, 0, 0};   ///< W (classes x atoms)
  Eigen::Map<const Vector<T>> weights{nullptr, 0};  ///< b (samples)

  bool empty() const { return map.size() == 0; }
};

/// min_S 1/2 |X - D S|_F^2 + coupling + labels + alpha sum_i p_i |s_i|_1, optionally S >= 0, given
/// by G = D'D (plus a ridge on its diagonal for an elastic net), A = D'X and |X|_F^2.
template <typename T>
struct CodeProblem {
  Eigen::Map<const Matrix<T>> gram;          ///< (atoms x atoms)
  Eigen::Map<const Matrix<T>> correlations;  ///< (atoms x samples)
  double signal_energy = 0;                  ///< |X|_F^2
  Coupling<T> coupling;
  T alpha = 0;
  bool positive = false;
  Eigen::Map<const Vector<T>> penalties{nullptr, 0};  ///< p (samples), positive; empty: ones
  LabelTerm<T> labels{};

  Index atoms() const { return gram.rows(); }
  Index samples() const { return correlations.cols(); }
  T penalty(Index sample) const { return penalties.size() > 0 ? alpha * penalties[sample] : alpha; }
};

/// Throws std::invalid_argument when shapes, signs or sparse indices do not fit together.
template <typename T>
void validate(const CodeProblem<T>& problem);

}  // namespace sparsetransfer::transfer
