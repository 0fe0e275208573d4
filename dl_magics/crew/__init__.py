"""The frozen part of a run on several hosts, by Dask distributed (extra `[scale]`).

`coordinator` runs Dask's scheduler in a process of its own, `worker_host` keeps one worker running
over SSH, and `crew` is what a run knows of both. The part that runs on the hosts is
`training/crew`.
"""
