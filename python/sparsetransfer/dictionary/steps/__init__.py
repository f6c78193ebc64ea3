"""The steps of dictionary learning: first atoms, codes, and updates of the atoms."""
