"""Pretrained weights: found, downloaded, converted."""
