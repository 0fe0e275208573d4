"""What a person keeps of runs: a tag, a zip to give away."""
