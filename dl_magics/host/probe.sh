# Print what is installed on this host, in POSIX sh; sent on standard input. The output is lines of
# `key TAB value` between two random marks: start files may print anything before them.
echo; echo @BEGIN@
LC_ALL=C; export LC_ALL
T=$(mktemp -d 2>/dev/null) || { T=${TMPDIR:-/tmp}/dl_magics.$$; mkdir -m 700 "$T" || exit 1; }
trap 'rm -rf "$T"' EXIT
cat >"$T/interpreter_probe.py" <<'@PROBE@'
@interpreter_probe.py@
@PROBE@

say() { printf '%s\t%s\n' "$1" "$2"; }

# SIGKILL: an interactive bash ignores SIGTERM.
within() {
  s=$1; shift
  if command -v timeout >/dev/null; then timeout -s KILL "$s" "$@"; else
    "$@" & w=$!
    (sleep "$s"; kill -9 $w) >/dev/null 2>&1 & k=$!
    wait $w; r=$?; kill $k 2>/dev/null; return $r
  fi
}

# conda is added to PATH by files that only an interactive shell reads.
within 5 "${SHELL:-/bin/sh}" -lic 'command -v python3; command -v python; echo "$CONDA_EXE"' \
  </dev/null >"$T/login" 2>/dev/null &
login=$!
within 10 nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader,nounits \
  </dev/null >"$T/gpus" 2>&1 &
smi=$!
within 10 nvidia-smi --query-gpu=compute_cap --format=csv,noheader </dev/null >"$T/caps" 2>/dev/null &
caps=$!

condas() {
  for r in "$HOME"/miniconda3 "$HOME"/anaconda3 "$HOME"/miniforge3 "$HOME"/mambaforge \
    "$HOME"/micromamba "$HOME"/.conda /opt/conda /opt/miniconda3 /opt/anaconda3 /opt/miniforge3 \
    "${CONDA_EXE%/*/*}" "$(sed -n 's#^\(/.*\)/bin/conda$#\1#p' "$T/login" | head -n 1)"; do
    [ -n "$r" ] && [ -d "$r" ] && echo "$r"
  done
}
pythons() {
  command -v python3; command -v python
  condas | while read -r r; do
    for p in "$r"/bin/python "$r"/envs/*/bin/python; do echo "$p"; done
  done
  [ -f "$HOME/.conda/environments.txt" ] && sed 's#$#/bin/python#' "$HOME/.conda/environments.txt"
  for p in "$HOME"/.venvs/*/bin/python "$HOME"/.virtualenvs/*/bin/python "$HOME"/*/bin/python \
    "$HOME"/.venv/bin/python "$HOME"/*/.venv/bin/python "$HOME"/.pyenv/versions/*/bin/python \
    "$HOME"/.local/share/uv/python/*/bin/python3 /opt/*/bin/python3 /opt/*/*/bin/python3 \
    /usr/local/bin/python3 /usr/bin/python3; do echo "$p"; done
  for k in /usr/share/jupyter/kernels /usr/local/share/jupyter/kernels \
    "$HOME"/.local/share/jupyter/kernels; do
    sed -n 's/.*"\(\/[^"]*python[^"]*\)".*/\1/p' "$k"/*/kernel.json 2>/dev/null
  done
  grep '^/.*python' "$T/login"
}
# Interpreters are distinguished by folder, not by binary: in a virtual environment the binary is a
# link.
probe() {
  while read -r p; do
    [ -x "$p" ] || continue
    d=$(cd "${p%/*}/.." 2>/dev/null && pwd -P) || continue
    grep -qxF "$d" "$T/seen" && continue
    echo "$d" >>"$T/seen"
    n=$((n + 1))
    within 10 "$p" "$T/interpreter_probe.py" >"$T/python.$n" 2>/dev/null </dev/null &
    probes="$probes $!"
  done
}
n=0; probes=; : >"$T/seen"
pythons >"$T/pythons" 2>/dev/null
probe <"$T/pythons"

say name "$(uname -n)"
say system "$(. /etc/os-release 2>/dev/null; echo "${PRETTY_NAME:-$(uname -s)}")"
say arch "$(uname -m)"
say user "$(id -un)"
say home "$HOME"
say cores "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
say ram_kib "$(awk '/^MemTotal/ {print $2}' /proc/meminfo 2>/dev/null)"
say disk_free_kib "$(df -Pk "$HOME" | awk 'NR == 2 {print $4}')"
for p in uv conda; do command -v $p >/dev/null && say has $p; done
[ -x "$HOME/.local/bin/uv" ] && say has "$HOME/.local/bin/uv"
within 3 sudo -n true </dev/null >/dev/null 2>&1 && say sudo yes
[ -d /run/systemd/system ] && say systemd yes
grep -hsiqE '^ *KillUserProcesses *= *(yes|true|on|1)' /etc/systemd/logind.conf \
  /etc/systemd/logind.conf.d/*.conf /usr/lib/systemd/logind.conf.d/*.conf && say kills_processes yes
for f in /sys/bus/pci/devices/*; do
  case $(cat "$f/vendor" "$f/class" 2>/dev/null | tr '\n' ' ') in
    '0x10de 0x03'*) say pci_gpu "${f##*/}" ;;
  esac
done
k=${KERAS_HOME:-$HOME/.keras}
say keras_backend "$(sed -n 's/.*"backend" *: *"\([a-z]*\)".*/\1/p' "$k/keras.json" 2>/dev/null)"
for f in "$k"/models/*.h5 "$HOME"/.dl_magics/weights/*.h5; do
  [ -f "$f" ] && say weights "${f##*/}"
done
[ "$DL_MAGICS_PRACTICE_INSTANCE" ] && say practice yes
say cuda "$(sed -n 's/.*"version" *: *"\([0-9.]*\)".*/\1/p' /usr/local/cuda/version.json 2>/dev/null |
  head -n 1)"
say cudnn "$(cat /usr/include/cudnn_version.h /usr/local/cuda/include/cudnn_version.h \
  /usr/include/*/cudnn_version.h 2>/dev/null | awk '
  /#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) / {print $3; if (++n == 3) exit}' | paste -sd . -)"

wait $login $smi; code=$?
wait $caps
# What only a login shell knows comes late.
grep '^/.*python' "$T/login" >"$T/late"
condas | while read -r r; do
  for p in "$r"/bin/python "$r"/envs/*/bin/python; do echo "$p"; done
  [ -f "$r/etc/profile.d/conda.sh" ] && echo "$r" >>"$T/condas"
done >>"$T/late"
probe <"$T/late"
[ -f "$T/condas" ] && while read -r r; do say conda "$r"; done <"$T/condas"
if [ $code = 0 ]; then
  while read -r g; do say gpu "$g"; done <"$T/gpus"
  while read -r g; do say capability "$g"; done <"$T/caps"
elif command -v nvidia-smi >/dev/null; then
  say driver_error "$(tr '\n' ' ' <"$T/gpus" | cut -c 1-200)"
fi
[ -n "$probes" ] && wait $probes
for f in "$T"/python.*; do [ -s "$f" ] && say python "$(head -n 1 "$f")"; done
echo @END@
