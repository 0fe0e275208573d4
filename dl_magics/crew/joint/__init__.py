"""The hosts of a crew that train the last layers of a network together, as a run starts them.

`trainer_process` is the process on one host, `joint_hosts` are those of all, `opening` starts them.
"""
