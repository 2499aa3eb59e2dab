#!/usr/bin/env bash
# Installs what the tests need (Debian packages, a virtual environment in .venv), then lints, type-checks and tests.
# Usage: bash tests/run.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=examples/setup.sh
. examples/setup.sh

# A real RTSP server, microphone, display and media: tests whose parts are missing are skipped and say so.
install_debian libgl1 libglib2.0-0 ffmpeg portaudio19-dev gcc python3-dev python3-venv \
    gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-{base,good,bad,ugly} \
    pulseaudio pulseaudio-utils libasound2-plugins xvfb xdotool openbox espeak-ng flite janus chromium
make_venv
pip_install --editable '.[dev]'

export PATH="$PWD/.venv/bin:$PATH"
ruff check
ruff format --check
bash tests/typecheck.sh
exec python -m pytest "$@"
