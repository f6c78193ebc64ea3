#include "sparsetransfer/sparse_coding/masked.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

// Groups of at least so many signals are worth threads of their own; smaller ones share them.
constexpr Index kLargeGroup = 64;

/// Signals with the same observed features.
struct Group {
  std::vector<Index> features;
  std::vector<Index> samples;

  Index size() const { return static_cast<Index>(samples.size()); }
};

std::vector<Group> group_by_mask(const ConstMaskRef& mask) {
  std::vector<Index> order(static_cast<std::size_t>(mask.cols()));
  std::iota(order.begin(), order.end(), Index(0));
  const auto compare = [&](Index a, Index b) {
    return std::memcmp(mask.col(a).data(), mask.col(b).data(),
                       static_cast<std::size_t>(mask.rows()));
  };
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    const int difference = compare(a, b);
    return difference != 0 ? difference < 0 : a < b;
  });
  std::vector<Group> groups;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compare(order[i - 1], order[i]) != 0) {
      groups.emplace_back();
      for (Index f = 0; f < mask.rows(); ++f)
        if (mask(f, order[i])) groups.back().features.push_back(f);
    }
    groups.back().samples.push_back(order[i]);
  }
  return groups;
}

/// Calls code(execution, group) for every group: large ones one after the other with all threads,
/// small ones side by side. Which is which does not depend on the number of threads.
template <typename Code>
void for_each_group(const Execution& execution, const std::vector<Group>& groups,
                    const Code& code) {
  std::vector<const Group*> small;
  for (const Group& group : groups) {
    if (group.size() < kLargeGroup)
      small.push_back(&group);
    else
      code(execution, group);
  }
  parallel_for(execution, static_cast<Index>(small.size()),
               [&](Index i, int) { code(execution, *small[static_cast<std::size_t>(i)]); });
}

Vector<double> select(const ConstVectorRef<double>& values, const std::vector<Index>& samples) {
  if (values.size() == 0) return {};
  return values(samples);
}

/// The code of a signal of which nothing was observed.
template <typename T>
void code_nothing(const Group& group, CodeOutput<T>& codes, CodingReport* reports) {
  for (const Index i : group.samples) {
    codes.replace(i, Vector<T>::Zero(codes.atoms()));
    reports[i] = CodingReport();
    reports[i].gap = reports[i].objective = 0.0;
  }
}

template <typename T, typename Solve>
void code_groups(const Execution& execution, const ConstMatrixRef<T>& signals,
                 const ConstMaskRef& mask, const ConstMatrixRef<T>& dictionary,
                 CodeOutput<T>& codes, bool warm, CodingReport* reports, const Solve& solve) {
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  require_shape("mask", mask.rows(), mask.cols(), signals.rows(), signals.cols());
  require_shape("codes", codes.atoms(), codes.samples(), dictionary.cols(), signals.cols());
  require_not_empty("dictionary", dictionary.rows(), dictionary.cols());
  const auto groups = group_by_mask(mask);
  for_each_group(execution, groups, [&](const Execution& workers, const Group& group) {
    if (group.features.empty()) return code_nothing<T>(group, codes, reports);
    const Matrix<T> observed = signals(group.features, group.samples);
    const Matrix<T> atoms = dictionary(group.features, Eigen::all);
    SparseCodes<T> part(codes.atoms(), group.size());
    CodeScratch<T> scratch;
    for (Index i = 0; warm && i < group.size(); ++i)
      part.keep(i, codes.code(group.samples[static_cast<std::size_t>(i)]), scratch);
    std::vector<CodingReport> fresh(group.samples.size());
    solve(workers, observed, atoms, group.samples, part, fresh.data());
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      codes.replace(group.samples[i], CodeOutput<T>(part).code(static_cast<Index>(i)));
      reports[group.samples[i]] = fresh[i];
    }
  });
}

}  // namespace

template <typename T>
void encode_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const ConstMaskRef& mask, const ConstMatrixRef<T>& dictionary,
                   const CodingSettings& settings, const CodingExtras& extras, CodeOutput<T> codes,
                   CodingReport* reports) {
  settings.validate();
  require(extras.ridge.size() == 0 || extras.ridge.size() == signals.cols(),
          "ridge must have one entry per signal");
  code_groups<T>(execution, signals, mask, dictionary, codes, settings.warm_start, reports,
                 [&](const Execution& workers, const Matrix<T>& observed, const Matrix<T>& atoms,
                     const std::vector<Index>& samples, CodeOutput<T> part, CodingReport* fresh) {
                   const Vector<double> ridge = select(extras.ridge, samples);
                   encode<T>(workers, observed, atoms, settings, {ridge, extras.weights}, part,
                             fresh);
                 });
}

template <typename T>
void pursue_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const ConstMaskRef& mask, const ConstMatrixRef<T>& dictionary,
                   const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports) {
  settings.validate();
  code_groups<T>(execution, signals, mask, dictionary, codes, false, reports,
                 [&](const Execution& workers, const Matrix<T>& observed, const Matrix<T>& atoms,
                     const std::vector<Index>&, CodeOutput<T> part, CodingReport* fresh) {
                   pursue<T>(workers, observed, atoms, settings, part, fresh);
                 });
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template void encode_masked<T>(const Execution&, const ConstMatrixRef<T>&, const ConstMaskRef&, \
                                 const ConstMatrixRef<T>&, const CodingSettings&,                 \
                                 const CodingExtras&, CodeOutput<T>, CodingReport*);              \
  template void pursue_masked<T>(const Execution&, const ConstMatrixRef<T>&, const ConstMaskRef&, \
                                 const ConstMatrixRef<T>&, const PursuitSettings&, CodeOutput<T>, \
                                 CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
