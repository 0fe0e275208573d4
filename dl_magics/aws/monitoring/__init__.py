"""What AWS measures of instances, and the alarms that it raises."""
