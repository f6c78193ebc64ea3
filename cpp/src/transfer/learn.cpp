#include "sparsetransfer/transfer/learn.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/constraint.hpp"
#include "sparsetransfer/dictionary/statistics.hpp"
#include "sparsetransfer/numerics/gram.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

// Sweeps of rough codes between two updates of the atoms: more cost more than they gain.
constexpr int kRoughSweeps = 5;

// The decrease of an extrapolated iteration swings: what one of them does not gain says little.
constexpr std::size_t kSettledIterations = 10;

/// The mean decrease of the last iterations.
double mean_decrease(const std::vector<double>& objectives) {
  const std::size_t count = std::min(kSettledIterations, objectives.size() - 1);
  return (objectives[objectives.size() - 1 - count] - objectives.back()) /
         static_cast<double>(count);
}

/// last + (1 + momentum) steps of a code; a code at zero stays there, and none changes its sign.
template <typename T>
T extrapolate_code(T now, T last, T momentum) {
  const T moved = now + momentum * (now - last);
  return moved * now > 0 ? moved : T(0);
}

/// The steps of an iteration over shared buffers.
template <typename T>
class Alternation {
 public:
  Alternation(const Execution& execution, const ConstMatrixRef<T>& signals,
              const LearnProblem<T>& problem, const LearnSettings& settings,
              MatrixRef<T> dictionary, MatrixRef<T> codes)
      : execution_(execution),
        signals_(signals),
        problem_(problem),
        settings_(settings),
        dictionary_(dictionary),
        codes_(codes),
        map_(problem.supervision.map),
        energy_(squared_norm<T>(execution, signals)) {
    const Index atoms = dictionary.cols();
    gram_.resize(atoms, atoms);
    correlations_.resize(atoms, signals.cols());
    A_.resize(atoms, atoms);
    B_.resize(signals.rows(), atoms);
    if (!problem.supervision.empty())
      weighted_targets_ = problem.supervision.targets * problem.supervision.weights.asDiagonal();
  }

  /// Codes, then atoms, then the map of the supervision. Returns the objective after them.
  double step(const EncodeSettings& settings, double& kkt_violation, bool& replaced) {
    const Certificate coded = update_codes(settings).certificate;
    kkt_violation = coded.kkt_violation;
    double objective = coded.objective;
    replaced = !replace_dead_atoms<T>(execution_, signals_, settings_.update.constraint, codes_,
                                      dictionary_)
                    .empty();
    objective -= update_dictionary();
    if (!problem_.supervision.empty()) objective -= update_map();
    return objective;
  }

  EncodeReport update_codes(const EncodeSettings& settings) {
    return encode<T>(execution_, code_problem(), settings, codes_);
  }

  EncodeReport certify_codes(double tolerance) {
    EncodeReport report;
    report.certificate = certify<T>(execution_, code_problem(), codes_);
    report.status =
        report.certificate.kkt_violation <= tolerance * static_cast<double>(problem_.alpha)
            ? Status::converged
            : Status::max_iterations;
    return report;
  }

  /// Moves atoms and codes on in the direction of their last step, `momentum` times as far, and
  /// keeps the point to go back to. Without a last step it only keeps the point.
  void extrapolate(T momentum) {
    const bool known = kept_dictionary_.size() > 0 && momentum > 0;
    std::swap(kept_dictionary_, last_dictionary_);
    std::swap(kept_codes_, last_codes_);
    kept_dictionary_ = dictionary_;
    kept_codes_ = codes_;
    kept_map_ = map_;
    if (!known) return;
    // In memory of our own: sums over the caller's would depend on its alignment, in the last bits.
    Matrix<T> moved = kept_dictionary_ + momentum * (kept_dictionary_ - last_dictionary_);
    for (Index atom = 0; atom < moved.cols(); ++atom)
      project_atom<T>(settings_.update.constraint, moved.col(atom));
    dictionary_ = moved;
    codes_ = kept_codes_.binaryExpr(
        last_codes_, [momentum](T now, T last) { return extrapolate_code(now, last, momentum); });
  }

  /// Goes back to the point that the last extrapolation kept.
  void restore() {
    dictionary_ = kept_dictionary_;
    codes_ = kept_codes_;
    map_ = kept_map_;
  }

 private:
  /// Returns by how much the objective fell.
  double update_dictionary() {
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

  /// The ridge regression of the targets on the codes; returns by how much the objective fell.
  double update_map() {
    const Supervision<T>& supervision = problem_.supervision;
    A_.setZero();
    Matrix<T> cross = Matrix<T>::Zero(map_.rows(), map_.cols());
    accumulate_statistics<T>(execution_, supervision.targets, codes_, supervision.weights, A_,
                             cross);
    A_.diagonal().array() += supervision.ridge;
    const auto value = [&] {
      const Matrix<double> W = map_.template cast<double>();
      Matrix<double> image(W.rows(), W.cols());
      set_product<double>(image, W, A_.template cast<double>());
      return 0.5 * image.cwiseProduct(W).sum() -
             W.cwiseProduct(cross.template cast<double>()).sum();
    };
    const double before = value();
    const Eigen::LLT<Matrix<double>> factor(A_.template cast<double>().eval());
    map_ = factor.solve(cross.transpose().template cast<double>()).transpose().template cast<T>();
    return before - value();
  }

  CodeProblem<T> code_problem() {
    gram<T>(execution_, dictionary_, gram_);
    gram_.diagonal().array() += static_cast<T>(settings_.l2);
    correlations<T>(execution_, dictionary_, signals_, correlations_);
    const Supervision<T>& supervision = problem_.supervision;
    const LabelTerm<T> labels =
        supervision.empty()
            ? LabelTerm<T>{}
            : LabelTerm<T>{{map_.data(), map_.rows(), map_.cols()}, supervision.weights};
    CodeProblem<T> problem{{gram_.data(), gram_.rows(), gram_.cols()},
                           {correlations_.data(), correlations_.rows(), correlations_.cols()},
                           energy_,
                           problem_.coupling,
                           problem_.alpha,
                           settings_.positive_codes,
                           problem_.penalties,
                           labels};
    if (labels.empty()) return problem;
    add_product_tn<T>(correlations_, T(1), map_, weighted_targets_);
    problem.signal_energy +=
        static_cast<double>(weighted_targets_.cwiseProduct(supervision.targets).sum()) +
        static_cast<double>(supervision.ridge) * static_cast<double>(map_.squaredNorm());
    return problem;
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
  const LearnProblem<T>& problem_;
  const LearnSettings& settings_;
  MatrixRef<T> dictionary_;
  MatrixRef<T> codes_;
  Eigen::Map<Matrix<T>> map_;
  const double energy_;
  Matrix<T> gram_, correlations_, A_, B_, weighted_targets_;
  Matrix<T> kept_dictionary_, kept_codes_, kept_map_, last_dictionary_, last_codes_;
};

/// The factors of Nesterov's method: 0, 0.28, 0.43, ... towards 1.
class Momentum {
 public:
  double next() {
    const double last = length_;
    length_ = (1 + std::sqrt(1 + 4 * last * last)) / 2;
    return (last - 1) / length_;
  }
  void restart() { length_ = 1; }

 private:
  double length_ = 1;
};

template <typename T>
void validate(const LearnProblem<T>& problem, Index samples, Index atoms) {
  const Supervision<T>& supervision = problem.supervision;
  if (supervision.empty()) return;
  require(supervision.targets.cols() == samples && supervision.weights.size() == samples,
          "supervision needs one target and one weight per sample");
  require_shape("map", supervision.map.rows(), supervision.map.cols(), supervision.targets.rows(),
                atoms);
  require(supervision.ridge > 0, "the ridge of the supervision must be positive");
}

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
                  const LearnProblem<T>& problem, const LearnSettings& settings,
                  const Observer& observer, MatrixRef<T> dictionary, MatrixRef<T> codes) {
  settings.validate();
  require_shape("dictionary", dictionary.rows(), dictionary.cols(), signals.rows(),
                dictionary.cols());
  require_shape("codes", codes.rows(), codes.cols(), dictionary.cols(), signals.cols());
  validate(problem, signals.cols(), dictionary.cols());
  Alternation<T> alternation(execution, signals, problem, settings, dictionary, codes);
  const bool published = settings.encode.solver == CodeSolver::gauss_seidel;
  EncodeSettings loose = settings.encode;
  // Rough codes move the dictionary nearly as well as exact ones, at a tenth of the cost.
  const double finest = std::max(settings.code_tolerance, settings.encode.tolerance);
  loose.tolerance = published ? finest : 10 * finest;
  if (loose.solver == CodeSolver::automatic) {
    loose.solver = CodeSolver::atom_sweeps;
    loose.max_iterations = std::min(loose.max_iterations, kRoughSweeps);
    loose.tolerance = finest;
  }
  Momentum momentum;
  LearnReport report;
  report.status = Status::max_iterations;
  double last = std::numeric_limits<double>::infinity();
  std::vector<double> objectives;
  while (report.iterations < settings.max_iterations) {
    const double push = published ? 0 : momentum.next();
    if (!published) alternation.extrapolate(static_cast<T>(push));
    double violation = 0;
    bool replaced = false;
    double objective = alternation.step(loose, violation, replaced);
    if (push > 0 && !(objective < last)) {
      alternation.restore();
      objective = alternation.step(loose, violation, replaced);
      momentum.restart();
    }
    if (replaced) momentum.restart();
    if (!std::isfinite(objective))
      throw NumericalError(
          "the objective of transfer dictionary learning overflows: divide the signals by their "
          "largest norm");
    ++report.iterations;
    if (observer && observer({report.iterations, objective, violation})) {
      report.status = Status::stopped;
      break;
    }
    objectives.push_back(objective);
    const double smallest = settings.tolerance * std::abs(last);
    if (report.iterations > 1 && loose.tolerance > finest) {
      if (last - objective <= smallest) loose.tolerance = std::max(finest, loose.tolerance / 4);
    } else if (report.iterations > 1 && mean_decrease(objectives) <= smallest) {
      report.status = Status::converged;
      break;
    }
    last = objective;
  }
  if (published) {
    report.codes = alternation.certify_codes(settings.encode.tolerance);
    return report;
  }
  report.codes = alternation.update_codes(settings.encode);
  return report;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                          \
  template LearnReport learn<T>(const Execution&, const ConstMatrixRef<T>&,                    \
                                const LearnProblem<T>&, const LearnSettings&, const Observer&, \
                                MatrixRef<T>, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer::transfer
