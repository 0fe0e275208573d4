"""Values that every layer passes around; no I/O."""
