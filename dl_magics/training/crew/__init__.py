"""What computes features on the hosts of a crew, and what both sides of it agree on.

`batches` is the format of what is sent, `worker` the process on a host, `task` what Dask calls in
it, and `compute` puts a crew in the place of the local network.
"""
