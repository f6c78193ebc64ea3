#pragma once

#include <functional>

#include "sparsetransfer/dictionary/block_coordinate.hpp"
#include "sparsetransfer/dictionary/lagrange_dual.hpp"
#include "sparsetransfer/transfer/encode.hpp"

namespace sparsetransfer::transfer {

enum class DictionaryUpdate { block_coordinate, lagrange_dual };

/// 1/2 sum_i b_i |h_i - W s_i|^2 + ridge/2 |W|_F^2 in codes and W: what labels the codes should
/// tell. W (classes x atoms) is learned.
template <typename T>
struct Supervision {
  Eigen::Map<const Matrix<T>> targets{nullptr, 0, 0};  ///< h (classes x samples); empty: none
  Eigen::Map<const Vector<T>> weights{nullptr, 0};     ///< b (samples), 0 where unknown
  Eigen::Map<Matrix<T>> map{nullptr, 0, 0};            ///< W, read and written
  T ridge = 1;

  bool empty() const { return targets.size() == 0; }
};

/// Everything but the signals that the objective is made of.
template <typename T>
struct LearnProblem {
  Coupling<T> coupling;
  T alpha = 0;
  Eigen::Map<const Vector<T>> penalties{nullptr, 0};  ///< as in CodeProblem
  Supervision<T> supervision{};
};

struct LearnSettings {
  int max_iterations = 1000;
  double tolerance = 1e-5;  ///< relative decrease of the objective per iteration, mean of the last
                            ///< ten, at which to stop
  double l2 = 0;            ///< ridge on the codes
  bool positive_codes = false;
  EncodeSettings encode;         ///< of the final codes
  double code_tolerance = 1e-2;  ///< relative KKT violation of the codes while the dictionary
                                 ///< moves, within a few sweeps; ten times as much until that
                                 ///< stalls for proximal gradient, Newton and ADMM
  DictionaryUpdate dictionary_update = DictionaryUpdate::block_coordinate;
  BlockCoordinateSettings update;
  LagrangeDualSettings dual;

  void validate() const;
};

/// One iteration: codes, then dictionary. The objective is that of the pair.
struct LearnProgress {
  int iteration = 0;
  double objective = 0;
  double kkt_violation = 0;  ///< of the codes, before the dictionary moved
};

struct LearnReport {
  EncodeReport codes;  ///< of the returned codes for the returned dictionary
  Status status = Status::converged;
  int iterations = 0;
};

/// Returns true to stop.
using Observer = std::function<bool(const LearnProgress&)>;

/// Minimises 1/2 |X - D S|_F^2 + l2/2 |S|_F^2 + coupling + supervision + alpha sum_i p_i |s_i|_1
/// over S, the unit-ball atoms of D and the map of the supervision by turns, from the given
/// dictionary and codes; the objective never rises (beyond rounding). Atoms and codes are
/// extrapolated as in Nesterov's method, and the step is made again without where that did not
/// pay. Atoms that no code uses are replaced. Ends with codes of settings.encode.tolerance. With
/// Gauss-Seidel codes it is the published loop instead: settings.encode.max_iterations sweeps an
/// iteration, and codes left as the last one made them. signals X (features x samples), dictionary
/// (features x atoms), codes (atoms x samples).
template <typename T>
LearnReport learn(const Execution& execution, const ConstMatrixRef<T>& signals,
                  const LearnProblem<T>& problem, const LearnSettings& settings,
                  const Observer& observer, MatrixRef<T> dictionary, MatrixRef<T> codes);

}  // namespace sparsetransfer::transfer
