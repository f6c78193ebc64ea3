#include "sparsetransfer/sparse_coding/prepared_dictionary.hpp"

#include <cmath>

namespace sparsetransfer {
namespace {

// By columns no symmetry is used, products of few columns with the dictionary wait for memory, and
// signals go on in lockstep, out of the cache: once this share of all is known, or expected, the
// whole matrix is the better buy.
constexpr double kMostByColumns = 0.4;

}  // namespace

bool are_few(double columns, Index atoms) {
  return columns < kMostByColumns * static_cast<double>(atoms);
}

double distinct_columns(double per_signal, Index signals, Index atoms) {
  const auto all = static_cast<double>(atoms);
  return all * (1.0 - std::pow(1.0 - per_signal / all, static_cast<double>(signals)));
}

template <typename T>
double mean_above(const ConstMatrixRef<T>& correlations, const Vector<T>& limits) {
  Index above = 0;
  for (Index i = 0; i < correlations.cols(); ++i)
    above += (correlations.col(i).array().abs() > limits.array()).count();
  return static_cast<double>(above) / static_cast<double>(correlations.cols());
}

template <typename T>
PreparedDictionary<T>::PreparedDictionary(const Execution& execution,
                                          const ConstMatrixRef<T>& dictionary)
    : panels_(execution, dictionary) {}

template <typename T>
std::shared_ptr<const PanelGram<T>> PreparedDictionary<T>::gram(const Execution& execution,
                                                                double expected_columns) const {
  const std::scoped_lock lock(mutex_);
  if (gram_ && gram_->complete()) return gram_;
  const double known = gram_ ? static_cast<double>(gram_->known()) : 0.0;
  if (!are_few(known + expected_columns, panels_.atoms()))
    gram_ = std::make_shared<const PanelGram<T>>(PanelGram<T>::from_dictionary(execution, panels_));
  else if (!gram_)
    gram_ = std::make_shared<const PanelGram<T>>(PanelGram<T>::by_columns(panels_));
  return gram_;
}

template double mean_above(const ConstMatrixRef<float>&, const Vector<float>&);
template double mean_above(const ConstMatrixRef<double>&, const Vector<double>&);
template class PreparedDictionary<float>;
template class PreparedDictionary<double>;

}  // namespace sparsetransfer
