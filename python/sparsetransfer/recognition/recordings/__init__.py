"""Recordings and streams through a fitted recogniser, window by window."""
