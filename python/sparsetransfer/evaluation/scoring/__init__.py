"""Scores, intervals, paired tests and the discrepancy of domains."""
