"""CloudWatch of the practice cloud: the CPU utilization of instances, and alarms that stop them."""
