#pragma once

#include "sparsetransfer/status.hpp"
#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

enum class CodeSolver {
  automatic,     ///< proximal gradient, then Newton steps
  fista,         ///< proximal gradient alone
  newton,        ///< Newton steps from the start, proximal gradient where they stall
  admm,          ///< alternating directions
  gauss_seidel,  ///< the published loop
  atom_sweeps,   ///< coordinate descent over the atoms: rough codes fast
};

struct EncodeSettings {
  CodeSolver solver = CodeSolver::automatic;
  double tolerance = 1e-6;    ///< KKT violation relative to alpha at which to stop
  int max_iterations = 5000;  ///< of proximal gradient, alternating directions, or sweeps; 0
                              ///< certifies the codes as they are
  double newton_from =
      0.1;  ///< relative KKT violation below which Newton steps are tried; 0: never
  double newton_bytes = 1e9;  ///< memory the Newton factors may take

  void validate() const;
};

struct EncodeReport {
  Certificate certificate;
  Status status = Status::converged;
  int iterations = 0;  ///< as max_iterations counts them
  int newton_steps = 0;
};

/// Minimises a CodeProblem over S (atoms x samples), starting from the given codes. The returned
/// point is never worse than the start (to rounding), and the report certifies it.
template <typename T>
EncodeReport encode(const Execution& execution, const CodeProblem<T>& problem,
                    const EncodeSettings& settings, MatrixRef<T> codes);

/// The certificate of given codes, without changing them.
template <typename T>
Certificate certify(const Execution& execution, const CodeProblem<T>& problem,
                    const ConstMatrixRef<T>& codes);

}  // namespace sparsetransfer::transfer
