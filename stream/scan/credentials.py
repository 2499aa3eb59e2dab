"""Content credentials (C2PA) of a file, reported as facts beside the score: who signed what about its making.

Read through the official package (the extra `c2pa`). A missing credential is evidence of nothing, and a valid one says
that the file is as its signer left it, not that the signer tells the truth. Nothing is asked of the network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

State = Literal["absent", "valid", "invalid"]
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_MOST = 20
"Actions that are told."


def credentials(media: Path) -> dict[str, Any] | None:
    """Return what the credentials of a file say; None where the package is not installed.

    `state` is `absent`, `valid` (the file is as it was signed; by whom is not vouched for) or `invalid`; then `signer`,
    `time`, `generator` (the program), `actions` and `generated` (it says that a trained model made it).
    """
    try:
        import c2pa
    except ModuleNotFoundError:
        return None
    try:
        reader = c2pa.Reader.try_create(str(media), context=c2pa.Context(c2pa.Settings.from_dict(_OFFLINE)))
        if reader is None:
            return {"state": "absent"}
        with reader:
            told, state = json.loads(reader.json()), str(reader.get_validation_state())
    except (c2pa.C2paError, OSError, ValueError):
        return {"state": "absent"}
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    return {"state": "invalid" if state.lower() == "invalid" else "valid", **_facts(manifest)}


def _facts(manifest: dict[str, Any]) -> dict[str, Any]:
    signature = manifest.get("signature_info", {})
    programs = [str(one.get("name", "")) for one in manifest.get("claim_generator_info", [])]
    actions: list[dict[str, Any]] = []
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions += assertion.get("data", {}).get("actions", [])
    sources = [str(action.get("digitalSourceType", "")) for action in actions]
    return {
        "signer": signature.get("common_name") or signature.get("issuer"),
        "time": signature.get("time"),
        "generator": ", ".join(filter(None, programs)) or None,
        "actions": [str(action.get("action", ""))[:80] for action in actions[:_MOST]],
        "generated": any("trainedAlgorithmicMedia" in source for source in sources),
    }
