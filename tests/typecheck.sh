#!/usr/bin/env bash
# mypy needs the packages under their installed names: a throw-away folder of links gives it that.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
links=$(mktemp -d)
trap 'rm -rf "$links"' EXIT
mkdir "$links/truefeed"
for name in engines export stream train; do ln -s "$root/$name" "$links/truefeed/$name"; done
cd "$links"
MYPYPATH="$links" python -m mypy --config-file "$root/pyproject.toml" --cache-dir "$root/.mypy_cache" \
    --namespace-packages --explicit-package-bases -p truefeed "$@"
