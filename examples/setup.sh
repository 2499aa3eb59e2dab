# Functions that demo.sh and tests/run.sh share: Debian packages and the virtual environment. Sourced, not run.

# Python 3.11 or newer; the distribution's own first, because only it can use the distribution's GStreamer bindings.
find_python() {
    local name
    for name in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -c "import sys, $1; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "truefeed needs Python 3.11 or newer with $1" >&2
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo ${CI:+-n} "$@"; fi
}

# Installs the packages that are not there yet; where that is not possible, says so and goes on.
install_debian() {
    local missing=() name
    command -v apt-get >/dev/null || { echo "not a Debian system: not installed are $*" >&2; return 0; }
    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    as_root apt-get update -qq || true
    # One name that this release does not have must not keep the others away.
    apt_install "${missing[@]}" || for name in "${missing[@]}"; do
        apt_install "$name" || echo "could not install $name: what needs it is left out" >&2
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Newer releases add t64 to the names of some libraries.
is_installed() {
    { dpkg-query -W -f '${Status}\n' "$1" "$1t64" 2>/dev/null || true; } | grep ' installed$' >/dev/null
}

# pip works on .venv from outside: Debian's python3 has no ensurepip unless python3-venv is installed.
make_venv() {
    [ -x .venv/bin/python ] || "$(find_python venv)" -m venv --without-pip .venv
}

pip_install() {
    "$(find_python pip)" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check "$@"
}
