"""Batches of sequences, held-out samples, the training loop and its checkpoints."""
