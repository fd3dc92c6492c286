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

node_lock=requirements/node/package-lock.json
node_home=$environment/node

# By content, not by date: a checkout changes dates, and another Python keeps them.
fingerprint() { cat "$lock" pyproject.toml | cksum && "$python" -V; }

install_python_packages() {
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
}

# What makes and compiles the TypeScript client in the tests; Node itself is one of the Python packages.
install_node_packages() {
    echo "Installing $node_lock" >&2
    rm -rf "$node_home"
    mkdir "$node_home"
    cp requirements/node/package.json "$node_lock" "$node_home"
    if ! PATH=$PWD/$environment/bin:$PATH "$environment/bin/npm" ci --prefix "$node_home" --ignore-scripts --silent; then
        echo "npm could not install $node_lock: the tests of the generated clients need its packages" >&2
        exit 1
    fi
    cp "$node_lock" "$node_home/made-from"
}

if [ ! -x "$python" ] || [ "$(fingerprint 2>/dev/null)" != "$(cat "$stamp" 2>/dev/null)" ]; then
    install_python_packages
fi
if [ "$name" = development ] && ! cmp -s "$node_lock" "$node_home/made-from"; then
    install_node_packages
fi
