"""The devices that `%device` chose on an instance, for each kernel that starts there."""

from __future__ import annotations

# In bash, a line after what activates an environment; a variable of the person's own wins.
LET_SEE = (
    "\n"
    'if [ -z "${CUDA_VISIBLE_DEVICES+set}" ] && [ -s ~/.dl_magics/visible_devices ]; then '
    "read -r CUDA_VISIBLE_DEVICES < ~/.dl_magics/visible_devices; "
    'if [ -n "$CUDA_VISIBLE_DEVICES" ]; then '
    "export CUDA_VISIBLE_DEVICES DL_MAGICS_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES; "
    "else unset CUDA_VISIBLE_DEVICES; fi; fi"
)
