# Lists a folder: kind, size, time, permissions, name and target of each entry, NUL-terminated.
# A folder whose content may not be listed is of the kind u: it is not the same as an empty one.
# Uses GNU find; else Python; else POSIX tools.
@MAKE@
if ! cd -P -- @FOLDER@ 2>/dev/null; then
  if [ -d @FOLDER@ ]; then echo Permission denied >&2; exit 1; fi
  [ -e @FOLDER@ ] && echo file || echo none
  exit
fi
echo folder
df -Pk . 2>/dev/null | awk 'NR == 2 {k = $4} END {print k + 0}'
set -- @STARTS@
for start do
  shift
  if [ -e "$start" ] || [ -h "$start" ]; then set -- "$@" "$start"; fi
done
if [ $# = 0 ]; then
  :
elif find . -prune -printf '' 2>/dev/null; then
  find "$@" -ignore_readdir_race \
    -type d '(' ! -readable -o ! -executable ')' -prune -printf 'u\0%s\0%T@\0%m\0%p\0\0' \
    -o -printf '%y\0%s\0%T@\0%m\0%p\0%l\0' || exit 1
elif command -v python3 >/dev/null; then
  python3 - "$@" <<'@PYTHON@' || exit 1
import os, stat, sys
def tell(path):
    try:
        s = os.lstat(path)
    except FileNotFoundError:
        return
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}.get(stat.S_IFMT(s.st_mode), "o")
    time = b"%d.%09d" % divmod(s.st_mtime_ns, 10**9)
    target = os.readlink(path) if kind == "l" else b""
    if kind == "d" and not os.access(path, os.R_OK | os.X_OK):
        kind = "u"
    words = kind.encode(), b"%d" % s.st_size, time, b"%o" % stat.S_IMODE(s.st_mode), path, target
    sys.stdout.buffer.write(b"".join(word + b"\0" for word in words))
    if kind == "d":
        for each in os.listdir(path):
            tell(os.path.join(path, each))
for start in map(os.fsencode, sys.argv[1:]):
    tell(start)
@PYTHON@
else
  find "$@" '(' ! -type d -o -exec test -r {} \; -exec test -x {} \; -o -prune ')' \
    -exec sh -c 'for f do
    m=$(stat -c %a "$f" 2>/dev/null)
    if [ -h "$f" ]; then printf "%s\0" l 0 0 "" "$f" "$(readlink "$f")"
    elif [ -f "$f" ]; then
      printf "%s\0" f "$(wc -c <"$f" || echo 0)" "$(stat -c %Y "$f" || echo 0)" "$m" "$f" ""
    elif [ -d "$f" ]; then
      if [ -r "$f" ] && [ -x "$f" ]; then k=d; else k=u; fi
      printf "%s\0" $k 0 0 "$m" "$f" ""
    else printf "%s\0" o 0 0 "" "$f" ""
    fi
  done 2>/dev/null' sh {} + || exit 1
fi
printf 'end\0'
