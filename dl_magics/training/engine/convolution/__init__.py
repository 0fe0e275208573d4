"""Convolutions of the frozen network by an algorithm that multiplies less."""
