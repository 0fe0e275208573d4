"""On what kind of instance a run would be cheaper or faster."""
