#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/block_coder.hpp"
#include "sparsetransfer/sparse_coding/certifier.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"

namespace sparsetransfer {

/// Accelerated proximal gradient steps (Beck, Teboulle, SIAM J. Imaging Sci. 2, 2009) for a block
/// of signals at once, each with its own step length, found by backtracking, and restarted when
/// momentum points uphill (O'Donoghue, Candes, Found. Comput. Math. 15, 2015). Gradients are kept
/// at the codes; those at the extrapolated points follow by linearity.
template <typename T>
class FistaBlock final : public BlockCoder<T> {
 public:
  FistaBlock(const CodingShape& shape, const CodingSettings& settings,
             const ConstVectorRef<double>& weights);

  /// Allocates nothing, except inside matrix products.
  void solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
             CodingReport* reports) override;

 private:
  using BlockCoder<T>::base_;

  struct Signal {
    double ridge = 0.0;
    double wanted = 0.0;     // the violation that the code must not exceed
    double largest = 0.0;    // magnitude of the correlations
    double curvature = 0.0;  // the inverse of the step
    double momentum = 1.0;
    double weight = 0.0;  // of the last change in the extrapolated point
    int iterations = 0;
    Status status = Status::max_iterations;
  };

  void estimate_curvature(const PanelGram<T>& gram);
  void refresh(const PanelGram<T>& gram, Index count);
  bool arrived(const CodingBlock<T>& block, Index index);
  void propose(Index index);
  void accept(Index index);

  Index atoms_, padded_;
  CodingSettings settings_;
  double curvature_ = 0.0;
  Vector<T> penalties_;
  Certifier<T> certifier_;
  std::vector<Signal> signals_;
  std::vector<Index> running_;
  // Codes, their predecessors and successors, and c = b - G a - h a at them.
  Matrix<T> code_, previous_, next_, gradient_, previous_gradient_, next_gradient_;
  Vector<T> point_, point_gradient_;
  std::vector<CodeEntry<T>> entries_;
  std::vector<Index> first_entry_;
};

extern template class FistaBlock<float>;
extern template class FistaBlock<double>;

}  // namespace sparsetransfer
