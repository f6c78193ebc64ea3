#include "sparsetransfer/dictionary/statistics.hpp"

#include <algorithm>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

// Samples per partial sum: bounds both the workspace and, in float32, the length of a plain sum.
constexpr Index kSampleBlock = 1024;
// Threads share out entries of A and B rather than samples: no partial sums to merge, and every
// entry is summed in sample order whatever the number of threads.
constexpr Index kAtomPanel = 128;
constexpr Index kFeatureTile = 64;
constexpr Index kListBlock = 64;

// Cycles per operation, measured: matrix products, updates of a column of B from the second-level
// cache, and scattered updates of single entries of A.
template <typename T>
constexpr double kDenseCycles = sizeof(T) == 8 ? 1.0 / 22 : 1.0 / 44;
template <typename T>
constexpr double kColumnCycles = sizeof(T) == 8 ? 0.19 : 0.10;
constexpr double kScatterCycles = 1.5;

template <typename T>
struct Terms {
  const ConstMatrixRef<T>& signals;
  const ConstMatrixRef<T>& codes;
  const ConstVectorRef<T>& weights;
  MatrixRef<T>& A;
  MatrixRef<T>& B;

  T weight(Index sample) const { return weights.size() > 0 ? weights(sample) : T(1); }
};

/// The non-zeros of a few consecutive codes.
template <typename T>
struct CodeList {
  std::vector<Index> begin;
  std::vector<Index> atom;
  std::vector<T> value;

  void read(const ConstMatrixRef<T>& codes, Index first, Index count) {
    constexpr Index kStride = 16;
    begin.assign(1, 0);
    atom.clear();
    value.clear();
    for (Index i = first; i < first + count; ++i) {
      const T* code = codes.col(i).data();
      for (Index base = 0; base < codes.rows(); base += kStride) {
        const Index width = std::min(kStride, codes.rows() - base);
        // Most strides are empty; this test is vectorised, the loop is not.
        if (width == kStride &&
            Eigen::Map<const Eigen::Matrix<T, kStride, 1>>(code + base).cwiseAbs().maxCoeff() ==
                T(0))
          continue;
        for (Index j = base; j < base + width; ++j) {
          if (code[j] == T(0)) continue;
          atom.push_back(j);
          value.push_back(code[j]);
        }
      }
      begin.push_back(static_cast<Index>(atom.size()));
    }
  }
  Index samples() const { return static_cast<Index>(begin.size()) - 1; }
};

template <typename T>
void add_dense(const Execution& execution, const Terms<T>& terms, Index begin, Index count) {
  const Index atoms = terms.codes.rows();
  const Index panels = num_blocks(atoms, kAtomPanel);
  const auto block = terms.codes.middleCols(begin, count);
  const auto data = terms.signals.middleCols(begin, count);
  const double flops = double(count) * double(atoms) * double(atoms + 2 * data.rows());
  // The panels of B first, then those of A from the tallest to the shortest.
  parallel_for(execution.for_work(flops), 2 * panels, [&](Index task, int) {
    const bool is_B = task < panels;
    const Index first = (is_B ? task : task - panels) * kAtomPanel;
    const Index width = std::min(kAtomPanel, atoms - first);
    Matrix<T> panel = block.middleRows(first, width).transpose();
    if (terms.weights.size() > 0) {
      panel.array().colwise() *= terms.weights.segment(begin, count).array();
    }
    // Added from memory of ours: small products follow the alignment of what they are written to.
    if (is_B) {
      Matrix<T> products(data.rows(), width);
      set_product<T>(products, data, panel);
      terms.B.middleCols(first, width) += products;
    } else {
      Matrix<T> products(atoms - first, width);
      set_product<T>(products, block.bottomRows(atoms - first), panel);
      terms.A.block(first, first, atoms - first, width) += products;
    }
  });
}

// Rows [row, row + rows) of B += x (w s)ᵀ for every listed sample.
template <typename T>
void add_to_B(const Terms<T>& terms, const CodeList<T>& list, Index first, Index row, Index rows) {
  for (Index i = 0; i < list.samples(); ++i) {
    const T weight = terms.weight(first + i);
    const T* signal = terms.signals.col(first + i).data() + row;
    const auto begin = static_cast<std::size_t>(list.begin[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(list.begin[static_cast<std::size_t>(i) + 1]);
    if (rows == kFeatureTile) {
      const Eigen::Matrix<T, kFeatureTile, 1> x =
          weight * Eigen::Map<const Eigen::Matrix<T, kFeatureTile, 1>>(signal);
      for (std::size_t q = begin; q < end; ++q) {
        terms.B.col(list.atom[q]).template segment<kFeatureTile>(row) += list.value[q] * x;
      }
    } else {
      const Eigen::Map<const Vector<T>> x(signal, rows);
      for (std::size_t q = begin; q < end; ++q) {
        terms.B.col(list.atom[q]).segment(row, rows) += (weight * list.value[q]) * x;
      }
    }
  }
}

// The lower triangle of the columns [from, to) of A += w s sᵀ for every listed sample.
template <typename T>
void add_to_A(const Terms<T>& terms, const CodeList<T>& list, Index first, Index from, Index to) {
  for (Index i = 0; i < list.samples(); ++i) {
    const T weight = terms.weight(first + i);
    const auto begin = static_cast<std::size_t>(list.begin[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(list.begin[static_cast<std::size_t>(i) + 1]);
    for (std::size_t q = begin; q < end && list.atom[q] < to; ++q) {
      if (list.atom[q] < from) continue;
      T* column = terms.A.col(list.atom[q]).data();
      const T scaled = weight * list.value[q];
      for (std::size_t p = q; p < end; ++p) column[list.atom[p]] += scaled * list.value[p];
    }
  }
}

template <typename T>
void add_sparse(const Execution& execution, const Terms<T>& terms,
                const std::vector<CodeList<T>>& lists, double cycles, Index begin) {
  const Index atoms = terms.codes.rows();
  const Index features = terms.signals.rows();
  const Index tiles = num_blocks(features, kFeatureTile);
  parallel_for(execution.for_work(cycles), tiles + num_blocks(atoms, kAtomPanel),
               [&](Index task, int) {
                 Index first = begin;
                 for (const CodeList<T>& list : lists) {
                   if (task < tiles) {
                     const Index row = task * kFeatureTile;
                     add_to_B(terms, list, first, row, std::min(kFeatureTile, features - row));
                   } else {
                     const Index from = (task - tiles) * kAtomPanel;
                     add_to_A(terms, list, first, from, from + kAtomPanel);
                   }
                   first += list.samples();
                 }
               });
}

template <typename T>
double sparse_cycles(const std::vector<CodeList<T>>& lists, Index features) {
  double entries = 0.0, pairs = 0.0;
  for (const CodeList<T>& list : lists) {
    for (std::size_t i = 1; i < list.begin.size(); ++i) {
      const double size = double(list.begin[i] - list.begin[i - 1]);
      entries += size;
      pairs += 0.5 * size * size;
    }
  }
  return entries * double(features) * kColumnCycles<T> + pairs * kScatterCycles;
}

}  // namespace

template <typename T>
void accumulate_statistics(const Execution& execution, const ConstMatrixRef<T>& signals,
                           const ConstMatrixRef<T>& codes, const ConstVectorRef<T>& weights,
                           MatrixRef<T> A, MatrixRef<T> B) {
  const Index atoms = codes.rows();
  const Index samples = codes.cols();
  require_shape("signals", signals.rows(), signals.cols(), signals.rows(), samples);
  require_shape("A", A.rows(), A.cols(), atoms, atoms);
  require_shape("B", B.rows(), B.cols(), signals.rows(), atoms);
  require(weights.size() == 0 || weights.size() == samples,
          "weights must be empty or have one entry per sample");

  const Terms<T> terms{signals, codes, weights, A, B};
  std::vector<CodeList<T>> lists;
  for (Index begin = 0; begin < samples; begin += kSampleBlock) {
    const Index count = std::min(kSampleBlock, samples - begin);
    lists.resize(static_cast<std::size_t>(num_blocks(count, kListBlock)));
    parallel_for_blocks(execution.for_work(double(count) * double(atoms)), count, kListBlock,
                        [&](Index first, Index width, int) {
                          lists[static_cast<std::size_t>(first / kListBlock)].read(
                              codes, begin + first, width);
                        });
    const double dense = double(count) * double(atoms) * double(atoms + 2 * signals.rows());
    const double sparse = sparse_cycles(lists, signals.rows());
    if (sparse < dense * kDenseCycles<T>) {
      add_sparse(execution, terms, lists, sparse, begin);
    } else {
      add_dense(execution, terms, begin, count);
    }
  }
  A.template triangularView<Eigen::StrictlyUpper>() = A.transpose();
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                        \
  template void accumulate_statistics<T>(const Execution&, const ConstMatrixRef<T>&,         \
                                         const ConstMatrixRef<T>&, const ConstVectorRef<T>&, \
                                         MatrixRef<T>, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
