"""The network of an instance: its security group, subnets, and the address of this computer."""
