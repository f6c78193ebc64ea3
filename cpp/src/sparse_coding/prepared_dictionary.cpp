#include "sparsetransfer/sparse_coding/prepared_dictionary.hpp"

#include <cmath>

namespace sparsetransfer {
namespace {

// By columns no symmetry is used, and products of few columns with the dictionary wait for memory:
// once this share of all is known, or expected, the whole matrix is the better buy.
constexpr double kMostByColumns = 0.5;

}  // namespace

bool are_few(double columns, Index atoms) {
  return columns < kMostByColumns * static_cast<double>(atoms);
}

double distinct_columns(double per_signal, Index signals, Index atoms) {
  const auto all = static_cast<double>(atoms);
  return all * (1.0 - std::pow(1.0 - per_signal / all, static_cast<double>(signals)));
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

template class PreparedDictionary<float>;
template class PreparedDictionary<double>;

}  // namespace sparsetransfer
