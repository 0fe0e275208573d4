"""What Jupyter is answered while the host of a notebook's kernel cannot be reached."""

from __future__ import annotations

import platform
from typing import Any

from dl_magics.errors import DLMagicsError

Content = dict[str, Any]

_KERNEL_INFO: Content = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "dl_magics",
    "implementation_version": "1",
    "language_info": {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "nbconvert_exporter": "python",
    },
    "banner": "",
    "help_links": [],
}
_ANSWERS: dict[str, Content] = {
    "kernel_info_request": _KERNEL_INFO,
    "comm_info_request": {"status": "ok", "comms": {}},
    "history_request": {"status": "ok", "history": []},
    "is_complete_request": {"status": "unknown"},
}


def answer(msg_type: str, error: DLMagicsError) -> Content:
    """Return the reply to a request; what needs the kernel gets the error."""
    return _ANSWERS.get(msg_type) or describe_error(error)


def describe_error(error: DLMagicsError) -> Content:
    """Return the content of an error message and of an error reply, with the two lines."""
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": error._render_traceback_(),
        "execution_count": 0,
        "user_expressions": {},
    }
