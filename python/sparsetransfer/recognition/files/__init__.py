"""Fitted recognisers as files: safetensors and JSON, checked before anything is allocated."""
