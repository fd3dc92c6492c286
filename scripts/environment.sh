#!/bin/sh
# Makes .venv as requirements/<name>.txt says, each package checked by its hash; at once when nothing has changed.
#
#   scripts/environment.sh runtime|embedded|development
set -eu

name=$1
lock=requirements/$name.txt
environment=.venv
python=$environment/bin/python
stamp=$environment/.made-from-$name

# By content, not by date: a checkout changes dates, and another Python keeps them.
fingerprint() { cat "$lock" pyproject.toml | cksum && "$python" -V; }

if [ -x "$python" ] && [ "$(fingerprint 2>/dev/null)" = "$(cat "$stamp" 2>/dev/null)" ]; then
    exit
fi

system_python=$(sh scripts/prerequisites.sh)
if [ "$("$python" -V 2>/dev/null)" != "$("$system_python" -V)" ]; then
    echo "Making $environment with $("$system_python" -V)" >&2
    rm -rf "$environment"
    "$system_python" -m venv "$environment"
fi
echo "Installing $lock" >&2
"$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes --requirement "$lock"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fingerprint >"$stamp"
