#pragma once

#include <functional>

#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// Minimises sum_i 1/2 s'(G + r_i I)s - p_i's + penalty(s) for ridges r and correlations p from the
/// given codes (atoms x signals); used by `proximal_point` with ridges that are not zero.
using ShiftedProblem =
    std::function<void(const Vector<double>& ridge, const Matrix<double>& shifted,
                       Matrix<double>& codes, CodingReport* reports)>;

/// Codes in Gram form where atoms depend on each other so badly that an active set has stalled:
/// the proximal point iteration. It minimises f(s) + delta/2 |s - s_old|^2, which makes all atoms
/// independent, again and again; the gradient of f is off by delta |s - s_old| only. Improves
/// codes (atoms x signals) and replaces the reports of those it can certify.
void proximal_point(const Execution& execution, const PanelGram<double>& gram,
                    const Matrix<double>& correlations, const CodingSettings& settings,
                    const CodingExtras& extras, const ShiftedProblem& solve, Matrix<double>& codes,
                    CodingReport* reports);

}  // namespace sparsetransfer
