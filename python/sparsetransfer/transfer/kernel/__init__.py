"""Sparse codes under the Gaussian maximum mean discrepancy."""
