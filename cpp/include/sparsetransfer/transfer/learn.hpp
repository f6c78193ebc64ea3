#pragma once

#include <functional>

#include "sparsetransfer/dictionary/block_coordinate.hpp"
#include "sparsetransfer/dictionary/lagrange_dual.hpp"
#include "sparsetransfer/transfer/encode.hpp"

namespace sparsetransfer::transfer {

enum class DictionaryUpdate { block_coordinate, lagrange_dual };

struct LearnSettings {
  int max_iterations = 50;
  double tolerance = 1e-5;  ///< relative decrease of the objective per iteration at which to stop
  double l2 = 0;            ///< ridge on the codes
  bool positive_codes = false;
  EncodeSettings encode;         ///< of the final codes
  double code_tolerance = 1e-2;  ///< relative KKT violation of the codes while the dictionary
                                 ///< moves; ten times as much until that stalls
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

/// Minimises 1/2 |X - D S|_F^2 + l2/2 |S|_F^2 + coupling + alpha |S|_1 over S and the unit-ball
/// atoms of D by turns, from the given dictionary and codes; the objective never rises (beyond
/// rounding). Atoms that no code uses are replaced. Ends with codes of settings.encode.tolerance.
/// With Gauss-Seidel codes it is the published loop instead: settings.encode.max_iterations sweeps
/// an iteration, and codes left as the last one made them.
/// signals X (features x samples), dictionary (features x atoms), codes (atoms x samples).
template <typename T>
LearnReport learn(const Execution& execution, const ConstMatrixRef<T>& signals,
                  const Coupling<T>& coupling, T alpha, const LearnSettings& settings,
                  const Observer& observer, MatrixRef<T> dictionary, MatrixRef<T> codes);

}  // namespace sparsetransfer::transfer
