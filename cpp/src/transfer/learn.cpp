#include "sparsetransfer/transfer/learn.hpp"

#include <algorithm>
#include <cmath>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/statistics.hpp"
#include "sparsetransfer/numerics/gram.hpp"

namespace sparsetransfer::transfer {
namespace {

/// The two halves of an iteration over shared buffers.
template <typename T>
class Alternation {
 public:
  Alternation(const Execution& execution, const ConstMatrixRef<T>& signals,
              const Coupling<T>& coupling, T alpha, const LearnSettings& settings,
              MatrixRef<T> dictionary, MatrixRef<T> codes)
      : execution_(execution),
        signals_(signals),
        coupling_(coupling),
        alpha_(alpha),
        settings_(settings),
        dictionary_(dictionary),
        codes_(codes),
        energy_(squared_norm<T>(execution, signals)) {
    const Index atoms = dictionary.cols();
    gram_.resize(atoms, atoms);
    correlations_.resize(atoms, signals.cols());
    A_.resize(atoms, atoms);
    B_.resize(signals.rows(), atoms);
  }

  EncodeReport update_codes(const EncodeSettings& settings) {
    return encode<T>(execution_, problem(), settings, codes_);
  }

  EncodeReport certify_codes(double tolerance) {
    EncodeReport report;
    report.certificate = certify<T>(execution_, problem(), codes_);
    report.status = report.certificate.kkt_violation <= tolerance * static_cast<double>(alpha_)
                        ? Status::converged
                        : Status::max_iterations;
    return report;
  }

  /// Returns by how much the objective fell.
  double update_dictionary() {
    replace_dead_atoms<T>(execution_, signals_, settings_.update.constraint, codes_, dictionary_);
    A_.setZero();
    B_.setZero();
    const Vector<T> unweighted;
    accumulate_statistics<T>(execution_, signals_, codes_, unweighted, A_, B_);
    const double before = data_term();
    if (settings_.dictionary_update == DictionaryUpdate::lagrange_dual) {
      update_lagrange_dual<T>(execution_, A_, B_, settings_.dual, dictionary_);
    } else {
      update_block_coordinate<T>(execution_, A_, B_, settings_.update, dictionary_);
    }
    return before - data_term();
  }

 private:
  CodeProblem<T> problem() {
    gram<T>(execution_, dictionary_, gram_);
    gram_.diagonal().array() += static_cast<T>(settings_.l2);
    correlations<T>(execution_, dictionary_, signals_, correlations_);
    return {{gram_.data(), gram_.rows(), gram_.cols()},
            {correlations_.data(), correlations_.rows(), correlations_.cols()},
            energy_,
            coupling_,
            alpha_,
            settings_.positive_codes};
  }

  /// 1/2 |X - D S|_F^2 from the statistics, with gram_ as scratch.
  double data_term() {
    gram<T>(execution_, dictionary_, gram_);
    const double quadratic =
        gram_.template cast<double>().cwiseProduct(A_.template cast<double>()).sum();
    const double linear =
        dictionary_.template cast<double>().cwiseProduct(B_.template cast<double>()).sum();
    return (energy_ + quadratic) / 2 - linear;
  }

  const Execution& execution_;
  const ConstMatrixRef<T>& signals_;
  const Coupling<T>& coupling_;
  const T alpha_;
  const LearnSettings& settings_;
  MatrixRef<T> dictionary_;
  MatrixRef<T> codes_;
  const double energy_;
  Matrix<T> gram_, correlations_, A_, B_;
};

}  // namespace

void LearnSettings::validate() const {
  require(max_iterations >= 0, "max_iterations must not be negative");
  require(tolerance >= 0, "tolerance must not be negative");
  require(l2 >= 0, "l2 must not be negative");
  require(code_tolerance > 0, "code_tolerance must be positive");
  encode.validate();
  update.validate();
  dual.validate();
}

template <typename T>
LearnReport learn(const Execution& execution, const ConstMatrixRef<T>& signals,
                  const Coupling<T>& coupling, T alpha, const LearnSettings& settings,
                  const Observer& observer, MatrixRef<T> dictionary, MatrixRef<T> codes) {
  settings.validate();
  require_shape("dictionary", dictionary.rows(), dictionary.cols(), signals.rows(),
                dictionary.cols());
  require_shape("codes", codes.rows(), codes.cols(), dictionary.cols(), signals.cols());
  Alternation<T> alternation(execution, signals, coupling, alpha, settings, dictionary, codes);
  const bool published = settings.encode.solver == CodeSolver::gauss_seidel;
  EncodeSettings loose = settings.encode;
  // Rough codes move the dictionary nearly as well as exact ones, at a tenth of the cost.
  const double finest = std::max(settings.code_tolerance, settings.encode.tolerance);
  loose.tolerance = published ? finest : 10 * finest;
  if (loose.solver == CodeSolver::automatic) loose.solver = CodeSolver::fista;
  LearnReport report;
  report.status = Status::max_iterations;
  double last = 0;
  while (report.iterations < settings.max_iterations) {
    const EncodeReport coded = alternation.update_codes(loose);
    const double objective = coded.certificate.objective - alternation.update_dictionary();
    if (!std::isfinite(objective))
      throw NumericalError("the objective of transfer dictionary learning is not finite");
    ++report.iterations;
    if (observer && observer({report.iterations, objective, coded.certificate.kkt_violation})) {
      report.status = Status::stopped;
      break;
    }
    if (report.iterations > 1 && last - objective <= settings.tolerance * std::abs(last)) {
      if (loose.tolerance <= finest) {
        report.status = Status::converged;
        break;
      }
      loose.tolerance = std::max(finest, loose.tolerance / 4);
    }
    last = objective;
  }
  report.codes = published ? alternation.certify_codes(settings.encode.tolerance)
                           : alternation.update_codes(settings.encode);
  return report;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                              \
  template LearnReport learn<T>(const Execution&, const ConstMatrixRef<T>&, const Coupling<T>&, T, \
                                const LearnSettings&, const Observer&, MatrixRef<T>,               \
                                MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer::transfer
