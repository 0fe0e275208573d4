"""Pretrained networks as downloads leave them."""
