"""Run functions of dl_magics on a host, with nothing of it installed there.

`bundle` builds the zip, `runner` uploads it once and calls a function in a new process, and
`kernel_call` calls one in the GPU kernel. `entry` is the part that runs on the host.
"""
