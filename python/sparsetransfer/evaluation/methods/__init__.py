"""Methods of an evaluation, from tuned classifiers to deep systems, and their registry."""
