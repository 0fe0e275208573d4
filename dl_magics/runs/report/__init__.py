"""`report.html` of a run: one file that needs no network, no script and no kernel."""
