"""Sparse codes of frames, pooled over sequences."""
