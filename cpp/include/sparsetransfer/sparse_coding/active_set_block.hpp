#pragma once

#include <algorithm>
#include <vector>

#include "sparsetransfer/sparse_coding/active_set.hpp"
#include "sparsetransfer/sparse_coding/block_coder.hpp"
#include "sparsetransfer/sparse_coding/certifier.hpp"
#include "sparsetransfer/sparse_coding/gradient_error.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"
#include "sparsetransfer/sparse_coding/problem.hpp"
#include "sparsetransfer/sparse_coding/rounding.hpp"

namespace sparsetransfer {

/// Codes a block of signals in lockstep: all gradients are refreshed together, one panel of the
/// Gram matrix at a time, then every signal adds its violating atoms and solves on its own. On
/// small dictionaries codes of few atoms are looked for side by side first, see `LaneSets`.
/// Signals do not influence each other. Owns all memory it needs; one per worker.
template <typename T>
class ActiveSetBlock final : public BlockCoder<T> {
 public:
  /// `weights` (atoms, or empty) multiply the penalty.
  ActiveSetBlock(const CodingShape& shape, const CodingSettings& settings,
                 const ConstVectorRef<double>& weights);

  /// Allocates nothing, except for the workspace of the first float32 codes that are hard to round.
  void solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
             CodingReport* reports) override;

 private:
  using BlockCoder<T>::base_;

  /// Of a gradient: the largest of |c_j| / alpha_j, and zero unless an entry is not finite.
  struct Extent {
    T share;
    T spoiled;
  };
  struct Signal {
    Signal(Index atoms, Index capacity) : active(atoms, capacity) {}
    ActiveSet active;
    double ridge = 0.0;
    double largest = 0.0;  // magnitude of the gradient at the base point
    double noise = 0.0;    // violations below are rounding of the gradient
    double growth = 0.0;   // share of the largest excess an atom needs to be added
    double wanted = 0.0;   // the violation that the code must not exceed
    double kkt = 0.0;      // violation at the last look
    Extent extent{};       // at the last look of a signal in a lane
    int iterations = 0;
    int stalled = 0;  // rounds in which the objective did not fall
    int verifications = 0;
    bool single = false;  // add one atom only
    bool exact = false;   // the gradient at `reference` is known to full precision
    Status status = Status::converged;
    CodingReport report;   // of a float32 code
    double outside = 0.0;  // violation of atoms not in use at the last verification
    GradientError error;   // of the gradient, for float32
  };
  using Entry = CodeEntry<T>;
  static constexpr Index kPanel = PanelGram<T>::kRows;
  /// As many atoms at most for which the Gram matrix stays in the cache while small codes are
  /// looked for side by side.
  static constexpr Index kSideBySide = 256;
  enum class Next { done, elsewhere, on };  // with a signal in a lane

  void start(const CodingBlock<T>& block, Index index, const T* code);
  bool is_sparse(Index used) const;
  bool improves(const PanelGram<T>& gram, Index index, const T* code);
  bool stays(const PanelGram<T>& gram, Index index, Index atom, double value) const;
  void require_columns(const PanelGram<T>& gram);
  void refresh(const PanelGram<T>& gram);
  void check(const Execution& execution, Index used);
  void list_changes(Index index);
  void note_changes(Signal& signal, Index changes, double sum) const;
  void code_side_by_side(const CodingBlock<T>& block, Index begin, Index count, MatrixRef<T>& codes,
                         CodingReport* reports);
  Next look(const CodingBlock<T>& block, Index index, Index lane);
  Index pick(T excess, T low, Index most);
  bool advance(const CodingBlock<T>& block, Index index);
  double inspect(Index index, double& stationarity);
  Index choose(Index index, double excess, double tolerance);
  /// Where more than a quarter of all atoms would enter they have much in common, and most would
  /// leave again.
  bool is_crowd(Index above, Index most) const { return above > std::max(most, atoms_ / 4); }
  Index count_above(T limit) const;
  Index count_listed(Index listed, T limit) const;
  Index list_above(T limit);
  bool grow(const PanelGram<T>& gram, Index index, double excess, double tolerance);
  void restore(Index index);
  void verify(const CodingBlock<T>& block);
  double round(const PanelGram<T>& gram, Index index);
  void find_residual(const CodingBlock<T>& block, Index index);
  bool certify_by_signal(const CodingBlock<T>& block, Index index, double error, Index most);
  bool refine(const CodingBlock<T>& block, Index index);
  void keep_reference(Index index);
  void bound_norms(const CodingBlock<T>& block);
  bool accept(const Execution& execution, Index index);
  void deliver(const CodingBlock<T>& block, MatrixRef<T>& codes, CodingReport* reports);
  void write(Index size, const int* atoms, const double* coefficients, T* code) const;
  Extent extent(Index index);
  CodingReport certify(const CodingBlock<T>& block, Index index, Index size, const int* atoms,
                       const double* coefficients, const Extent& extent) const;
  double tolerance(const Signal& signal) const;

  Index atoms_, padded_, width_;
  CodingSettings settings_;
  Index work_ = 0;        // since the last check
  double scale_ = 0.0;    // the largest squared norm of an atom
  Vector<T> thresholds_;  // penalty per atom, padded with infinity
  bool uniform_;          // whether all atoms have the same
  Certifier<T> certifier_;
  LaneSets lanes_;
  Matrix<T> limits_;  // penalties per lane, infinite for atoms in use
  std::vector<Signal> signals_;
  std::vector<Index> running_, finished_, unsettled_;
  Matrix<T> gradient_, reference_;
  Eigen::Array<T, Eigen::Dynamic, 1> over_;  // by how much the atoms of one signal violate
  // For float32 only: residuals of rounded codes, and the gradient there.
  Matrix<double> residual_;
  Matrix<T> narrow_residual_, exact_;
  Vector<T> norms_;  // upper bounds of those of the atoms
  double largest_norm_ = 0.0;
  SortedRounding rounding_;
  std::vector<Entry> entries_;  // changes of all signals since their base, one after another
  std::vector<Index> entry_count_;
  std::vector<int> required_;
  AlignedBuffer<double> rhs_;
  std::vector<int> chosen_;
  std::vector<T> chosen_over_;
  std::vector<double> chosen_signs_;
};

extern template class ActiveSetBlock<float>;
extern template class ActiveSetBlock<double>;

}  // namespace sparsetransfer
