#include "sparsetransfer/graph/neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/products.hpp"
#include "sparsetransfer/status.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kQueryBlock = 64;
constexpr Index kReferenceBlock = 512;
constexpr Index kScanWidth = 64;

/// Data prepared for the scan: half of a squared distance is half_norms[i] + half_norms[j] minus
/// the product of columns i and j. For the cosine, columns of length one and half_norms 1/2.
template <typename T>
struct Prepared {
  Matrix<T> columns;
  Vector<T> half_norms;
};

/// Subtracting one vector from all columns changes no distance and makes the cancellation in
/// |x|^2 + |y|^2 - 2 x'y as small as it can be.
template <typename T>
Prepared<T> centred(const ConstMatrixRef<T>& samples, const Vector<T>& centre) {
  Prepared<T> out{samples.colwise() - centre, {}};
  out.half_norms = T(0.5) * out.columns.colwise().squaredNorm().transpose();
  return out;
}

template <typename T>
Vector<T> mean_column(const ConstMatrixRef<T>& samples) {
  Vector<double> sum = Vector<double>::Zero(samples.rows());
  for (Index i = 0; i < samples.cols(); ++i) sum += samples.col(i).template cast<double>();
  return (sum / static_cast<double>(samples.cols())).template cast<T>();
}

template <typename T>
Vector<double> lengths(const ConstMatrixRef<T>& samples) {
  Vector<double> out(samples.cols());
  for (Index i = 0; i < samples.cols(); ++i) out[i] = samples.col(i).template cast<double>().norm();
  return out;
}

template <typename T>
Prepared<T> normalised(const ConstMatrixRef<T>& samples, const Vector<double>& norms) {
  Prepared<T> out{Matrix<T>(samples.rows(), samples.cols()),
                  Vector<T>::Constant(samples.cols(), T(0.5))};
  for (Index i = 0; i < samples.cols(); ++i) {
    const double scale = norms[i] > 0 ? 1 / norms[i] : 0;
    out.columns.col(i) = (samples.col(i).template cast<double>() * scale).template cast<T>();
  }
  return out;
}

/// How far the scan's value may lie from the direct distance, relative to the sum of half norms:
/// dot product, norms, centring and the direct sum each err by at most features * epsilon / 2.
template <typename T>
T error_factor(Index features) {
  return static_cast<T>(2 * features + 16) * std::numeric_limits<T>::epsilon();
}

/// The candidates of one query. What may still be among the nearest is kept: everything whose
/// least possible distance is not above the k-th smallest greatest possible distance.
template <typename T>
class Candidates {
 public:
  void reset(Index wanted) {
    wanted_ = static_cast<std::size_t>(wanted);
    greatest_.clear();
    kept_.clear();
    compact_at_ = 4 * wanted_ + 64;
    threshold_ = std::numeric_limits<T>::infinity();
  }
  T threshold() const { return threshold_; }

  void offer(T least, T greatest, Index index) {
    kept_.emplace_back(least, index);
    if (greatest_.size() < wanted_) {
      greatest_.push_back(greatest);
      std::push_heap(greatest_.begin(), greatest_.end());
    } else if (greatest < greatest_.front()) {
      std::pop_heap(greatest_.begin(), greatest_.end());
      greatest_.back() = greatest;
      std::push_heap(greatest_.begin(), greatest_.end());
    }
    if (greatest_.size() == wanted_) threshold_ = greatest_.front();
    if (kept_.size() >= compact_at_) compact();
  }

  const std::vector<std::pair<T, Index>>& survivors() {
    compact();
    return kept_;
  }

 private:
  void compact() {
    std::erase_if(kept_, [this](const auto& candidate) { return candidate.first > threshold_; });
    compact_at_ = std::max(compact_at_, 2 * kept_.size());
  }

  std::size_t wanted_ = 0;
  std::size_t compact_at_ = 0;
  T threshold_ = 0;
  std::vector<T> greatest_;  // a heap of the `wanted_` smallest, its largest in front
  std::vector<std::pair<T, Index>> kept_;
};

/// Offers the columns [begin, begin + products.size()) of the reference to one query. `excluded`
/// is an index to leave out, or -1.
template <typename T>
void scan(const T* products, const T* half_norms, Index begin, Index count, T half_norm, T error,
          Index excluded, Candidates<T>& candidates) {
  using Chunk = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
  for (Index start = 0; start < count; start += kScanWidth) {
    const Index width = std::min(kScanWidth, count - start);
    const Chunk product(products + start, width);
    const Chunk norm(half_norms + begin + start, width);
    const T least = ((T(1) - error) * (norm + half_norm) - product).minCoeff();
    if (least > candidates.threshold()) continue;
    for (Index j = 0; j < width; ++j) {
      const T sum = norm[j] + half_norm;
      const T lowest = (T(1) - error) * sum - product[j];
      if (lowest > candidates.threshold() || begin + start + j == excluded) continue;
      candidates.offer(lowest, (T(1) + error) * sum - product[j], begin + start + j);
    }
  }
}

template <typename T>
struct Directly {
  const ConstMatrixRef<T>& reference;
  const ConstMatrixRef<T>& queries;
  Metric metric;
  Vector<double> reference_lengths;
  Vector<double> query_lengths;

  /// The squared Euclidean or the cosine distance. Equal samples are at distance zero, and
  /// swapping the two changes nothing.
  double operator()(Index query, Index index) const {
    const auto x = queries.col(query).template cast<double>();
    const auto y = reference.col(index).template cast<double>();
    if (metric == Metric::euclidean) return (x - y).squaredNorm();
    const double x_length = query_lengths[query];
    const double y_length = reference_lengths[index];
    if (!(x_length > 0) || !(y_length > 0)) return 1;
    return 0.5 * (x / x_length - y / y_length).squaredNorm();
  }
};

}  // namespace

template <typename T>
void nearest_neighbours(const Execution& execution, const ConstMatrixRef<T>& reference,
                        const ConstMatrixRef<T>& queries, Metric metric, bool exclude_self,
                        IndexMatrixRef indices, MatrixRef<T> distances) {
  const Index wanted = indices.rows();
  const Index features = reference.rows();
  require_shape("queries", queries.rows(), queries.cols(), features, queries.cols());
  require_shape("indices", indices.rows(), indices.cols(), wanted, queries.cols());
  require_shape("distances", distances.rows(), distances.cols(), wanted, queries.cols());
  require(!exclude_self || queries.cols() == reference.cols(),
          "exclude_self needs queries and reference to be the same samples");
  require(wanted >= 1 && wanted <= reference.cols() - (exclude_self ? 1 : 0),
          "more neighbours wanted than there are samples");

  Directly<T> direct{reference, queries, metric, {}, {}};
  Prepared<T> scanned_reference;
  Prepared<T> scanned_queries;
  if (metric == Metric::euclidean) {
    const Vector<T> centre = mean_column<T>(reference);
    scanned_reference = centred<T>(reference, centre);
    if (!exclude_self) scanned_queries = centred<T>(queries, centre);
  } else {
    direct.reference_lengths = lengths<T>(reference);
    direct.query_lengths = lengths<T>(queries);
    scanned_reference = normalised<T>(reference, direct.reference_lengths);
    if (!exclude_self) scanned_queries = normalised<T>(queries, direct.query_lengths);
  }
  if (!scanned_reference.columns.allFinite() || !scanned_reference.half_norms.allFinite() ||
      !scanned_queries.columns.allFinite() || !scanned_queries.half_norms.allFinite())
    throw NumericalError("distances between samples overflow: scale the samples down");
  const Prepared<T>& from = exclude_self ? scanned_reference : scanned_queries;

  struct Workspace {
    Matrix<T> products;
    std::vector<Candidates<T>> candidates;
    std::vector<std::pair<double, Index>> exact;
  };
  const T error = error_factor<T>(features);
  const Execution limited = execution.for_work(2.0 * static_cast<double>(features) *
                                               static_cast<double>(reference.cols()) *
                                               static_cast<double>(queries.cols()));
  std::vector<Workspace> workspaces(static_cast<std::size_t>(std::max(1, limited.num_threads)));
  parallel_for_blocks(
      limited, queries.cols(), kQueryBlock, [&](Index begin, Index count, int worker) {
        Workspace& work = workspaces[static_cast<std::size_t>(worker)];
        work.products.resize(kReferenceBlock, kQueryBlock);
        work.candidates.resize(kQueryBlock);
        for (auto& candidates : work.candidates) candidates.reset(wanted);
        for (Index start = 0; start < reference.cols(); start += kReferenceBlock) {
          const Index width = std::min(kReferenceBlock, reference.cols() - start);
          set_product_tn<T>(work.products.topLeftCorner(width, count),
                            scanned_reference.columns.middleCols(start, width),
                            from.columns.middleCols(begin, count));
          for (Index q = 0; q < count; ++q)
            scan(work.products.col(q).data(), scanned_reference.half_norms.data(), start, width,
                 from.half_norms[begin + q], error, exclude_self ? begin + q : Index(-1),
                 work.candidates[static_cast<std::size_t>(q)]);
        }
        for (Index q = 0; q < count; ++q) {
          work.exact.clear();
          for (const auto& candidate : work.candidates[static_cast<std::size_t>(q)].survivors())
            work.exact.emplace_back(direct(begin + q, candidate.second), candidate.second);
          std::partial_sort(work.exact.begin(), work.exact.begin() + wanted, work.exact.end());
          for (Index j = 0; j < wanted; ++j) {
            const auto& [distance, index] = work.exact[static_cast<std::size_t>(j)];
            indices(j, begin + q) = index;
            distances(j, begin + q) =
                static_cast<T>(metric == Metric::euclidean ? std::sqrt(distance) : distance);
          }
        }
      });
}

template <typename T>
double mean_pairwise_distance(const Execution& execution, const ConstMatrixRef<T>& samples) {
  const Prepared<T> scanned = centred<T>(samples, mean_column<T>(samples));
  const Index size = samples.cols();
  const Execution limited = execution.for_work(
      static_cast<double>(samples.rows()) * static_cast<double>(size) * static_cast<double>(size));
  std::vector<double> partial(static_cast<std::size_t>(num_blocks(size, kQueryBlock)));
  std::vector<Matrix<T>> tiles(static_cast<std::size_t>(std::max(1, limited.num_threads)));
  parallel_for_blocks(limited, size, kQueryBlock, [&](Index begin, Index count, int worker) {
    Matrix<T>& tile = tiles[static_cast<std::size_t>(worker)];
    double sum = 0;
    // Columns [begin, size): the pairs inside the block twice, those behind it once.
    for (Index start = begin; start < size; start += kReferenceBlock) {
      const Index width = std::min(kReferenceBlock, size - start);
      tile.resize(width, count);
      set_product_tn<T>(tile, scanned.columns.middleCols(start, width),
                        scanned.columns.middleCols(begin, count));
      for (Index q = 0; q < count; ++q) {
        const auto norms = scanned.half_norms.segment(start, width).array();
        auto column = tile.col(q).array();
        column = (T(2) * (norms + scanned.half_norms[begin + q] - column)).max(T(0)).sqrt();
        if (start == begin) column[q] = T(0);
        const Index behind = start == begin ? std::min(count, width) : 0;
        sum += static_cast<double>(column.head(behind).sum()) +
               2 * static_cast<double>(column.tail(width - behind).sum());
      }
    }
    partial[static_cast<std::size_t>(begin / kQueryBlock)] = sum;
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total / (static_cast<double>(size) * static_cast<double>(size));
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                         \
  template void nearest_neighbours<T>(const Execution&, const ConstMatrixRef<T>&,             \
                                      const ConstMatrixRef<T>&, Metric, bool, IndexMatrixRef, \
                                      MatrixRef<T>);                                          \
  template double mean_pairwise_distance<T>(const Execution&, const ConstMatrixRef<T>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
