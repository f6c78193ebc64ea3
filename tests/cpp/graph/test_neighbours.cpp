#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/graph/laplacian.hpp"
#include "sparsetransfer/graph/neighbours.hpp"

namespace {

using namespace sparsetransfer;
using Indices = Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

TEST(neighbours_are_ordered_by_direct_distance_then_index) {
  // A lattice far from the origin: many exact ties and no digit left in |x|^2 + |y|^2 - 2 x'y.
  Matrix<float> samples(2, 600);
  for (Index i = 0; i < 600; ++i)
    samples.col(i) << 4096.0f + static_cast<float>(i % 25), static_cast<float>(i / 25 % 20);
  Indices indices(7, 600);
  Matrix<float> distances(7, 600);
  nearest_neighbours<float>({2, {}}, samples, samples, Metric::euclidean, true, indices, distances);
  for (Index q = 0; q < 600; ++q) {
    std::vector<std::pair<float, Index>> all;
    for (Index i = 0; i < 600; ++i)
      if (i != q) all.emplace_back((samples.col(i) - samples.col(q)).squaredNorm(), i);
    std::sort(all.begin(), all.end());
    for (Index j = 0; j < 7; ++j) {
      CHECK(indices(j, q) == all[static_cast<std::size_t>(j)].second);
      CHECK(distances(j, q) == std::sqrt(all[static_cast<std::size_t>(j)].first));
    }
  }
}

TEST(too_many_neighbours_are_refused) {
  const Matrix<double> samples = Matrix<double>::Ones(2, 3);
  Indices indices(3, 3);
  Matrix<double> distances(3, 3);
  CHECK_THROWS(std::invalid_argument, "more neighbours wanted",
               nearest_neighbours<double>({1, {}}, samples, samples, Metric::euclidean, true,
                                          indices, distances));
}

TEST(graph_is_the_larger_of_both_directions_and_its_laplacian_has_zero_row_sums) {
  Indices indices(1, 3);
  indices << 1, 0, 1;
  Matrix<double> weights(1, 3);
  weights << 0.5, 2.0, 3.0;
  const SparseRows<double> graph = symmetric_graph<double>(indices, weights);
  CHECK(graph.starts == (std::vector<std::int64_t>{0, 1, 3, 4}));
  CHECK(graph.columns == (std::vector<std::int64_t>{1, 0, 2, 1}));
  CHECK(graph.values == (std::vector<double>{2, 2, 3, 3}));
  using Integers = Eigen::Map<const Vector<std::int64_t>>;
  const SparseRowsView<double> view{Integers(graph.starts.data(), 4),
                                    Integers(graph.columns.data(), 4),
                                    Eigen::Map<const Vector<double>>(graph.values.data(), 4)};
  const SparseRows<double> laplacian = graph_laplacian<double>(view, false);
  CHECK(laplacian.columns == (std::vector<std::int64_t>{0, 1, 0, 1, 2, 1, 2}));
  CHECK(laplacian.values == (std::vector<double>{2, -2, -2, 5, -3, -3, 3}));
}
