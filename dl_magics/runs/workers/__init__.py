"""What the workers of a crew have done, as the events of a run say it."""
