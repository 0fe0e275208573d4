"""Prices of instances, disks and addresses: the bundled tables and what AWS lists."""
