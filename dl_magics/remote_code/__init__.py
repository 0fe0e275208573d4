"""Runs dl_magics code on a host."""
