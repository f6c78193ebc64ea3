"""Pretrained speaker networks as PyTorch modules, and where their weights are found."""
