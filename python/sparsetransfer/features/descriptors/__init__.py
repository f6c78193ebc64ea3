"""Low-level descriptors: what is measured in every frame."""
