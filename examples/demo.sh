#!/usr/bin/env bash
# Installs truefeed into .venv and shows it at work on a short clip: python run_stream.py demo
# Usage: bash examples/demo.sh [options of `truefeed watch`]
set -euo pipefail
cd "$(dirname "$0")/.."
. examples/setup.sh

# OpenCV's window needs these two libraries; a desktop has them, a server may not.
PATH=$PATH:/sbin ldconfig -p | grep 'libGL\.so\.1' >/dev/null || install_debian libgl1 libglib2.0-0
make_venv
pip_install '.[cpu]'
# With a display the verdicts are also drawn into a window; q closes it.
[ -n "${DISPLAY:-}" ] && [ $# = 0 ] && set -- --overlay window
exec .venv/bin/python run_stream.py demo "$@"
