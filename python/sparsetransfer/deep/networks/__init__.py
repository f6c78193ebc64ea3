"""The networks of the deep systems."""
