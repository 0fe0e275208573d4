"""What JupyterLab's panel shows and does with instances: in a place of its own."""
