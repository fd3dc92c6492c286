#!/bin/sh
# Prints the Python to use. Installs with apt-get what Debian and Ubuntu leave out, or says which command does.
set -eu

LIBRARIES='libcurl.so.4:libcurl4 liblzma.so.5:liblzma5 libssl.so.3:libssl3' # what the packaged mongod needs

say() { echo "$*" >&2; }

runs() { command -v "$1" >/dev/null 2>&1 && "$1" -c "$2" >/dev/null 2>&1; }

is_new_enough() { runs "$1" 'import sys; sys.exit(sys.version_info < (3, 11))'; }

makes_environments() { runs "$1" 'import ensurepip, venv'; }

# The newest Python that can make environments, else the newest that could with a package more.
find_python() {
    incomplete=
    for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
        is_new_enough "$candidate" || continue
        if makes_environments "$candidate"; then
            echo "$candidate"
            return
        fi
        incomplete=${incomplete:-$candidate}
    done
    echo "$incomplete"
}

missing_packages() {
    makes_environments "$1" || echo "$1-venv"
    [ "$(uname)" = Linux ] && [ -z "${MONGODB_URI:-}${IRIS_MONGOD:-}" ] || return 0
    for library in $LIBRARIES; do
        runs "$1" "import ctypes; ctypes.CDLL('${library%%:*}')" || echo "${library#*:}"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null
}

python=$(find_python)
if [ -z "$python" ]; then
    say 'Iris needs Python 3.11 or later, and finds none. On Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv.'
    say 'On Ubuntu 22.04: apt-get install python3.11 python3.11-venv. Or name one: make PYTHON=/path/to/python3 …'
    exit 1
fi
packages=$(missing_packages "$python" | tr '\n' ' ')
if [ -n "$packages" ]; then
    if ! may_install; then
        say "Iris needs packages of the system that are missing. On Debian and Ubuntu: sudo apt-get install $packages"
        exit 1
    fi
    say "Installing what is missing of the system: $packages"
    as_root apt-get update -qq >/dev/null
    # shellcheck disable=SC2086 # one word per package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >/dev/null
fi
echo "$python"
