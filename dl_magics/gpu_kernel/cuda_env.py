"""Applies the devices selected by `%device` to each kernel that starts on the host."""

from __future__ import annotations

# Bash to run after the environment is activated; a variable set by the user takes precedence.
LET_SEE = (
    "\n"
    'if [ -z "${CUDA_VISIBLE_DEVICES+set}" ] && [ -s ~/.dl_magics/visible_devices ]; then '
    "read -r CUDA_VISIBLE_DEVICES < ~/.dl_magics/visible_devices; "
    'if [ -n "$CUDA_VISIBLE_DEVICES" ]; then '
    "export CUDA_VISIBLE_DEVICES DL_MAGICS_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES; "
    "else unset CUDA_VISIBLE_DEVICES; fi; fi"
)
