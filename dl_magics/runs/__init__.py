"""The records of a run: its events, log, state and report."""
