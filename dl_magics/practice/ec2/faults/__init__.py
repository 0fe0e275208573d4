"""The faults that can be injected: what they are, the errors of AWS among them, their queue."""
