"""What is known of a run: its events, log, state and report."""
