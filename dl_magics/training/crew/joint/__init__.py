"""The last layers of a network are trained on several hosts together, with JAX.

`trainer` is the process on each host, `hosts` what a run knows of them, `hosted_network` stands for
the network that they train, and `training` goes on without a host that is lost.
"""
