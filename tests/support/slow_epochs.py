"""Settings of a run that goes on until a test stops it, and leaves the processor to the others.

Epochs of stored features would follow one another as fast as they can be computed and shown.
"""

from __future__ import annotations

FOR_EVER = """epochs = 100_000
patience = 100_000

def augment(image, random):
    import time
    time.sleep(0.05)
    return image
"""
