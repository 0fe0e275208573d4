"""Pretrained networks without their tops, and what is done to the pixels before them."""
