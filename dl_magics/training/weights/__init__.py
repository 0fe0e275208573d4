"""Pretrained weights: find, download, convert."""
