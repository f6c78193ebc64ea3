"""A study from its configuration to its results: prepared, run, stored, compared."""
