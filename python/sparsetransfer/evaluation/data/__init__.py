"""Corpora as feature rows with labels and speakers: joined, normalised, and split by speaker."""
