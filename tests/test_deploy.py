"""The files of examples/deploy fit the program: its commands, extras and figures, and nothing in them runs as root."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from truefeed.stream.commands.options import parser
from truefeed.stream.sinks.prometheus import Metrics
from truefeed.stream.sources.capture import CaptureStats
from truefeed.stream.types import Alert, Frame, StateChange, Verdict

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "examples" / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNIT = (DEPLOY / "truefeed.service").read_text()


def compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return found


def _last(instruction: str) -> str:
    return re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.M)[-1]


def test_each_command_is_one() -> None:
    served = json.loads(_last("CMD"))
    started = shlex.split(re.findall(r"^ExecStart=(.*)$", UNIT, re.M)[0])
    assert json.loads(_last("ENTRYPOINT")) == ["truefeed"]
    for words in (served, started[1:], compose("compose.cuda.yaml")["services"]["truefeed"]["command"]):
        arguments = parser().parse_args(words)
        assert arguments.command == "serve"


def test_every_extra_and_folder_that_is_copied_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r"pip install --no-cache-dir \"\.\[(.*)\]\"", DOCKERFILE)
    assert asked is not None
    runtimes = {"cpu", compose("compose.cuda.yaml")["services"]["truefeed"]["build"]["args"]["RUNTIME"]}
    assert {*asked[1].replace("${RUNTIME}", "cpu").split(","), *runtimes} <= set(extras)
    let_through = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {word for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.M) for word in line.split()[:-1]}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_nobody_is_root_and_only_data_is_written() -> None:
    services = compose("compose.yaml")["services"]
    assert _last("USER").split(":")[0].isdecimal()
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        writable = [mount for mount in service.get("volumes", []) if not mount.endswith(":ro")]
        assert len(writable) <= 1
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), mount
    assert services["truefeed"]["volumes"] == ["data:/data"]
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "StateDirectory=truefeed", "NoNewPrivileges=yes"):
        assert line in UNIT.splitlines()


def test_secrets_are_asked_for_and_named_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOY / "env.example").read_text(), re.M))
    assert set(re.findall(r"\$\{(\w+)", text)) == asked


def _told() -> set[str]:
    """Return the names of the figures that a program with a camera, a call and an alert tells."""
    metrics = Metrics(0)
    try:
        about = {"loss": 0.1, "packets_lost": 1, "jitter_ms": 1.0, "bitrate_kbps": 1.0, "frames_decoded": 1, "pli": 1}
        stats = CaptureStats(1, 1, 1, 1, 1, 1, "online", 1.0, 1, 1, 1.0)
        metrics.follow("a", lambda: stats)
        metrics.state("a", StateChange("online"))
        metrics.stats("a", about)
        frame = Frame(np.zeros((2, 2, 3), np.uint8), t=1.0, arrived=1.0)
        metrics.verdict(Verdict("a", 1.0, 0.9, "fake", (), None, (), 0.1), frame)
        metrics.alert(Alert("a", True, "face 1", 0.9, 1.0))
        return set(re.findall(r"^(truefeed_\w+)", metrics.text()[0].decode(), re.M))
    finally:
        metrics.close()


def test_the_dashboard_asks_for_figures_that_there_are() -> None:
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "truefeed.json").read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel.get("targets", [])
        for name in re.findall(r"truefeed_\w+", target["expr"])
    }
    system = (ROOT / "stream" / "web" / "routes" / "system.py").read_text()
    files = {f"truefeed_{name}" for name in re.findall(r"figure\(\"(\w+)\"", system)}
    assert len(asked) >= 12
    assert asked - _told() - files == set()
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))


def test_who_is_asked_for_figures_is_where_they_are_told() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    ports = {job["static_configs"][0]["targets"][0].split(":")[1] for job in jobs}
    served = json.loads(_last("CMD"))
    assert ports == {served[served.index("--metrics-port") + 1], "5000"}
    services = compose("compose.yaml")["services"]
    # The live figures are on loopback only.
    assert services["prometheus"]["network_mode"] == "service:truefeed"
    source = yaml.safe_load((DEPLOY / "grafana" / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    listening = next(word for word in services["prometheus"]["command"] if "listen-address" in word)
    assert source["url"] == f"http://truefeed:{listening.rpartition(':')[2]}"
