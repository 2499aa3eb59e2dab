"""The machines of a cluster: whether they fit, and what Ray's errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import SourceError, TruefeedError
from ..redaction import redact

_PATIENCE = 180.0
"For the answer of a node, s."


class ClusterError(SourceError):
    """The cluster cannot be reached, does not fit or is gone."""


def check_nodes(ray: Any, address: str, nodes: Sequence[dict[str, Any]], paths: Sequence[Path]) -> None:
    """Raise ClusterError where a node has another truefeed, or does not see the paths."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(about)
    words = [str(path.absolute()) for path in paths]
    asked = [
        ask.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            words
        )
        for node in nodes
    ]
    ours = _version()
    for node, answer in zip(nodes, asked, strict=True):
        name = f"{address}: node {node['NodeManagerAddress']}"
        try:
            theirs, missing = ray.get(answer, timeout=_PATIENCE)
        except Exception as error:
            if "No module named 'truefeed'" in str(error):
                raise ClusterError(f"{name} has no truefeed: pip install 'truefeed[cluster]=={ours}' there") from None
            raise ClusterError(f"{name}: {first(error)}") from None
        if theirs != ours:
            raise ClusterError(f"{name} has truefeed {theirs}, and here is {ours}: install the same on both")
        if missing:
            raise ClusterError(f"{name} does not see {missing[0]}: use a shared folder, or an address such as s3://")


def about(paths: Sequence[str]) -> tuple[str, list[str]]:
    """Return the version of truefeed on this machine, and which of the paths are not here."""
    return _version(), [path for path in paths if not Path(path).exists()]


def _version() -> str:
    try:
        return version("truefeed")
    except PackageNotFoundError:
        return "unknown"


def first(error: BaseException) -> str:
    """Return what an error of Ray says before it shows where in Ray it happened."""
    lines = [text.strip() for text in str(error).splitlines() if text.strip()]
    if any(text.startswith("Traceback") for text in lines):
        lines = lines[-1:]
    return redact(" ".join(lines[:3])) if lines else type(error).__name__


def told(error: BaseException) -> TruefeedError | None:
    """Return the error of ours in one of Ray's."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        for one in (seen, cause):
            if isinstance(one, TruefeedError):
                return one
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return None
