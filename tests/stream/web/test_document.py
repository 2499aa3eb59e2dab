"""The server answers as its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip("fastapi")

from media import portrait
from truefeed.stream.web.options import Limits
from web_server import Web, small_models

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
pytestmark = pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="not installed: pip install schemathesis")
LEFT_OUT = r"/events$|^/api/v1/users|^/api/v1/streams$"
"Answers without an end; users, the first of whom locks the server; addresses and cameras to open."
NO_BODY = "send_api_v1_uploads__key__patch"
"Schemathesis makes no bodies of its media type."
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)
KNOWN = """[[operations]]
include-name-regex = "^GET /api/v1/scans/.key."
parameters = {{ "path.key" = "{key}" }}

[[operations]]
include-name-regex = "^DELETE /api/v1/scans/.key."
parameters = {{ "path.key" = "{other}" }}
"""
"Downloads are asked of a file that was judged, not of a made-up one, and another is deleted."


def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    picture = tmp_path / "face.jpg"
    cv2.imwrite(str(picture), portrait())
    limits = Limits(requests=10_000)  # what is refused for being asked too often says nothing
    with Web(tmp_path / "data", small_models(tmp_path), keep_days=1, limits=limits) as web:
        key, other = (web.judged(picture)["id"] for _ in range(2))
        (tmp_path / "schemathesis.toml").write_text(KNOWN.format(key=key, other=other))
        command = [SCHEMATHESIS, "run", f"{web.root}/api/v1/openapi.json", "--no-color", "--warnings=off"]
        command += ["--phases=fuzzing", "--max-examples=4", "--generation-deterministic", "--no-shrink"]
        command += ["--continue-on-failure", f"--checks={CHECKS}", f"--exclude-path-regex={LEFT_OUT}"]
        command += [f"--exclude-operation-id={NO_BODY}"]
        asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert asked.returncode == 0, asked.stdout + asked.stderr
        tested = re.search(r"Tested: (\d+)", asked.stdout)
        assert tested is not None
        assert int(tested[1]) >= 28
        known = {scan["id"]: scan for scan in web.ask("GET", "/api/v1/scans?limit=100").json["items"]}
        assert known[key]["state"] == "done"
        assert other not in known
        assert {scan["origin"] for scan in known.values()} == {"upload"}  # no made-up address was taken for one
