"""Transfer sparse coding as a scikit-learn estimator, on arrays, mini-batches and chunks."""
