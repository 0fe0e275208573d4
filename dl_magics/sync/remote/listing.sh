# Lists a folder: kind, size, time, permissions, name and target of each entry, NUL-terminated.
# Uses GNU find; else Python; else POSIX tools.
@MAKE@
if ! cd -P -- @FOLDER@ 2>/dev/null; then
  [ -e @FOLDER@ ] && echo file || echo none
  exit
fi
echo folder
df -Pk . 2>/dev/null | awk 'NR == 2 {k = $4} END {print k + 0}'
if find . -prune -printf '' 2>/dev/null; then
  find @STARTS@ -printf '%y\0%s\0%T@\0%m\0%p\0%l\0' 2>/dev/null
elif command -v python3 >/dev/null; then
  python3 - @STARTS@ <<'@PYTHON@'
import os, stat, sys
def tell(path):
    s = os.lstat(path)
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}.get(stat.S_IFMT(s.st_mode), "o")
    time = b"%d.%09d" % divmod(s.st_mtime_ns, 10**9)
    target = os.readlink(path) if kind == "l" else b""
    words = kind.encode(), b"%d" % s.st_size, time, b"%o" % stat.S_IMODE(s.st_mode), path, target
    sys.stdout.buffer.write(b"".join(word + b"\0" for word in words))
    if kind == "d":
        try:
            inside = os.listdir(path)
        except OSError:
            inside = []
        for each in inside:
            tell(os.path.join(path, each))
for start in map(os.fsencode, sys.argv[1:]):
    if os.path.lexists(start):
        tell(start)
@PYTHON@
else
  find @STARTS@ -exec sh -c 'for f do
    m=$(stat -c %a "$f" 2>/dev/null)
    if [ -h "$f" ]; then printf "%s\0" l 0 0 "" "$f" "$(readlink "$f")"
    elif [ -f "$f" ]; then
      printf "%s\0" f "$(wc -c <"$f")" "$(stat -c %Y "$f" 2>/dev/null || echo 0)" "$m" "$f" ""
    elif [ -d "$f" ]; then printf "%s\0" d 0 0 "$m" "$f" ""
    else printf "%s\0" o 0 0 "" "$f" ""
    fi
  done' sh {} + 2>/dev/null
fi
printf 'end\0'
