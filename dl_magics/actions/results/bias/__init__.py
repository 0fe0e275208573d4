"""What a run gets wrong more often, and what it may go by: `%bias_report`."""
