"""The tar format for uploads: any name, any size, times in nanoseconds."""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)
_FILE, _LINK, _FOLDER, _MORE, _LONG_NAME, _LONG_TARGET = b"0", b"2", b"5", b"x", b"L", b"K"
_SECOND = 10**9


def file_header(name: bytes, size: int, mtime_ns: int = 0, mode: int = 0o644) -> bytes:
    """Return the header of a file."""
    return _times(mtime_ns) + _named(_FILE, name, b"", size, mtime_ns, mode)


def link_header(name: bytes, target: bytes) -> bytes:
    """Return the header of a symbolic link."""
    return _named(_LINK, name, target)


def folder_header(name: bytes) -> bytes:
    """Return the header of a folder."""
    return _named(_FOLDER, name + b"/", b"")


def padding(size: int) -> bytes:
    """Return the padding after the content of a file."""
    return bytes(-size % BLOCK)


def _times(mtime_ns: int) -> bytes:
    """Return the pax header for a time before 1970 or with a fraction of a second."""
    if not mtime_ns % _SECOND and mtime_ns >= 0:
        return b""
    sign, size = ("-", -mtime_ns) if mtime_ns < 0 else ("", mtime_ns)
    record = f" mtime={sign}{size // _SECOND}.{size % _SECOND:09}\n".encode()
    length = len(record) + 2
    record = b"%d%s" % (length, record)
    return _header(_MORE, b"././@PaxHeader", b"", len(record)) + record + padding(len(record))


def _named(
    kind: bytes, name: bytes, target: bytes, size: int = 0, mtime_ns: int = 0, mode: int = 0o777
) -> bytes:
    long = b"".join(
        _header(of, b"././@LongLink", b"", len(text) + 1) + text + b"\0" + padding(len(text) + 1)
        for of, text in ((_LONG_TARGET, target), (_LONG_NAME, name))
        if len(text) > 100
    )
    return long + _header(kind, name[:100], target[:100], size, mtime_ns, mode)


def _header(
    kind: bytes, name: bytes, target: bytes, size: int, mtime_ns: int = 0, mode: int = 0o644
) -> bytes:
    fields = b"%-100s%07o\0%07o\0%07o\0%s%s%s%s%-100sustar  \0" % (
        name.ljust(100, b"\0"),
        mode,
        0,
        0,
        _number(size),
        _number(max(0, mtime_ns // _SECOND)),
        b" " * 8,
        kind,
        target.ljust(100, b"\0"),
    )
    block = fields.ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _number(value: int) -> bytes:
    """Return a field of 12 bytes; numbers too large for octal digits are binary."""
    if value < 8**11:
        return b"%011o\0" % value
    return b"\x80" + value.to_bytes(11, "big")
