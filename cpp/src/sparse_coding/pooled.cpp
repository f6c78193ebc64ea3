#include "sparsetransfer/sparse_coding/pooled.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kBytesOfCodes = Index(1) << 24;
constexpr Index kWidth = 96;  // a multiple of every width of the blocks of `encode`
constexpr Index kAtomsPerTask = 256;
constexpr Index kGroup = 16;  // coefficients that are passed over together if all are zero

template <typename T>
Index tile_width(Index atoms, Index samples) {
  const Index by_memory = kBytesOfCodes / (atoms * static_cast<Index>(sizeof(T)));
  return std::min(std::max(kWidth, by_memory / kWidth * kWidth), samples);
}

/// Where a tile of codes begins: `done` samples of `sequence` came before.
struct Position {
  Index sequence = 0;
  Index done = 0;
};

/// Sums and maxima of the sequence under way, for positive and negative parts (2 atoms).
template <typename T>
class Accumulators {
 public:
  /// Squares are summed in units of `scale`, about that of the codes, which neither over- nor
  /// underflows; a power of two changes no bit.
  Accumulators(Index atoms, const PoolingSettings& pooling, double scale)
      : atoms_(atoms),
        pooling_(pooling),
        unit_(std::isnormal(scale) ? std::ldexp(1.0, -std::ilogb(scale)) : 1.0),
        sum_(2 * atoms),
        square_(2 * atoms),
        maximum_(2 * atoms) {}

  /// Pools atoms first .. first + count of a tile (atoms x samples). Atoms do not influence each
  /// other.
  void add(const Matrix<T>& tile, Index samples, Position at,
           const Eigen::Ref<const Vector<Index>>& lengths, Index first, Index count,
           MatrixRef<T>& pooled) {
    for (Index i = 0; i < samples; ++i) {
      if (at.done == 0) clear(first, count);
      add_code(tile.col(i).data(), first, first + count);
      if (++at.done == lengths[at.sequence]) {
        write(first, count, static_cast<double>(at.done), pooled.col(at.sequence).data());
        at = {at.sequence + 1, 0};
      }
    }
  }

 private:
  void clear(Index first, Index count) {
    for (const Index begin : {first, atoms_ + first})
      for (Vector<double>* values : {&sum_, &square_, &maximum_})
        values->segment(begin, count).setZero();
  }

  void add_code(const T* code, Index first, Index last) {
    for (Index begin = first; begin < last; begin += kGroup) {
      const Index end = std::min(begin + kGroup, last);
      if (end - begin == kGroup &&
          Eigen::Map<const Eigen::Array<T, kGroup, 1>>(code + begin).abs().sum() == T(0))
        continue;
      for (Index j = begin; j < end; ++j) {
        if (code[j] == T(0)) continue;
        const double size = std::abs(static_cast<double>(code[j]));
        const Index part = code[j] > T(0) ? j : atoms_ + j;
        sum_[part] += size;
        square_[part] += (size * unit_) * (size * unit_);
        maximum_[part] = max_or_nan(maximum_[part], size);
      }
    }
  }

  void write(Index first, Index count, double length, T* out) const {
    const auto put = [&](const auto& values) {
      for (const Index begin : {first, atoms_ + first})
        Eigen::Map<Vector<T>>(out + begin, count) = values.segment(begin, count).template cast<T>();
      out += 2 * atoms_;
    };
    if (pooling_.mean) put(sum_ / length);
    // Not cwiseSqrt: its packets and its scalars round differently, so that bits would depend on
    // the alignment of the output.
    if (pooling_.root_mean_square)
      put((square_ / length).unaryExpr([this](double value) { return std::sqrt(value) / unit_; }));
    if (pooling_.maximum) put(maximum_);
  }

  Index atoms_;
  PoolingSettings pooling_;
  double unit_;
  Vector<double> sum_, square_, maximum_;
};

/// Adds the reports of a tile to those of its sequences, and returns where the next tile begins.
Position report(const std::vector<CodingReport>& codes, Index samples, Position at,
                const Eigen::Ref<const Vector<Index>>& lengths, PooledReport* reports) {
  for (Index i = 0; i < samples; ++i) {
    const CodingReport& code = codes[static_cast<std::size_t>(i)];
    PooledReport& sequence = reports[at.sequence];
    sequence.kkt = max_or_nan(sequence.kkt, code.kkt);
    sequence.unconverged += code.status != Status::converged;
    if (++at.done == lengths[at.sequence]) at = {at.sequence + 1, 0};
  }
  return at;
}

}  // namespace

template <typename T>
void encode_pooled(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const Eigen::Ref<const Vector<Index>>& lengths,
                   const ConstMatrixRef<T>& dictionary, const CodingSettings& settings,
                   const PoolingSettings& pooling, MatrixRef<T> pooled, PooledReport* reports) {
  const Index atoms = dictionary.cols(), samples = signals.cols();
  Index missing = samples;  // counted down: a sum of any lengths could overflow
  for (const Index length : lengths) {
    require(length > 0, "lengths must be positive");
    require(length <= missing, "lengths must add up to the number of signals");
    missing -= length;
  }
  require(missing == 0, "lengths must add up to the number of signals");
  require_not_empty("dictionary", dictionary.rows(), atoms);
  require(!settings.warm_start, "warm_start needs codes, which pooling does not keep");
  require(pooling.count() > 0, "at least one statistic must be asked for");
  require_shape("pooled", pooled.rows(), pooled.cols(), 2 * atoms * pooling.count(),
                lengths.size());
  require_shape("signals", signals.rows(), samples, dictionary.rows(), samples);
  if (samples == 0) return;
  std::fill_n(reports, lengths.size(), PooledReport());
  const PreparedDictionary<T> prepared(execution, dictionary);
  const Index width = tile_width<T>(atoms, samples);
  Matrix<T> tile(atoms, width);
  std::vector<CodingReport> codes(static_cast<std::size_t>(width));
  const double scale = static_cast<double>(signals.cwiseAbs().maxCoeff()) /
                       static_cast<double>(dictionary.cwiseAbs().maxCoeff());
  Accumulators<T> accumulators(atoms, pooling, scale);
  Position at;
  for (Index begin = 0; begin < samples; begin += width) {
    const Index count = std::min(width, samples - begin);
    encode<T>(execution, signals.middleCols(begin, count), prepared, samples, settings, {},
              tile.leftCols(count), codes.data());
    parallel_for_blocks(execution.for_work(static_cast<double>(atoms * count)), atoms,
                        kAtomsPerTask, [&](Index first, Index size, int) {
                          accumulators.add(tile, count, at, lengths, first, size, pooled);
                        });
    at = report(codes, count, at, lengths, reports);
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                           \
  template void encode_pooled(const Execution&, const ConstMatrixRef<T>&,                       \
                              const Eigen::Ref<const Vector<Index>>&, const ConstMatrixRef<T>&, \
                              const CodingSettings&, const PoolingSettings&, MatrixRef<T>,      \
                              PooledReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
