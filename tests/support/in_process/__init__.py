"""EC2 in this process: the practice cloud's API without HTTP, SSH hosts and files."""
