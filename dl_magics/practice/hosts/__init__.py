"""The SSH hosts of the practice cloud: a process and a folder for each instance."""
