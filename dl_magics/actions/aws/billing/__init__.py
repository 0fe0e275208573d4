"""Actions that say what instances cost."""
