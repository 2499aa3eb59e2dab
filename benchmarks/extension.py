"""The browser extension: python benchmarks/extension.py [--seconds 60] [--people 2] [--rounds 2] [--memory 600]

A call within one page of a real Chromium, its people at 360p15, three ways in turn: `without` the extension; `page`,
where the page itself publishes copies of what it receives to truefeed, which is what WebRTC takes; and `with` the
extension. CPU is that of the page's process and, of the extension, of its service worker's. Then the time from a face
on the page to the badge that follows from it, and, with --memory, what is held over so many seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from common import ROOT, arguments, percentile, table

sys.path.insert(0, str(ROOT / "tests" / "support"))

import call_sites
from call_sites import MEET, Browser
from webrtc_runs import truefeed

TOKEN = "benchmark"
PUBLISH = """async ([server, token]) => {
  for (const {near, name} of people.values()) {
    const pc = new RTCPeerConnection();
    pc.createDataChannel("truefeed");
    for (const {track} of near.getReceivers()) pc.addTransceiver(track.clone(), {direction: "sendonly"});
    await pc.setLocalDescription();
    await new Promise(done => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
      setTimeout(done, 2000);
    });
    const headers = {Authorization: `Bearer ${token}`, "Content-Type": "application/sdp"};
    const answer = await fetch(`${server}/whip/${name}`, {method: "POST", headers, body: pc.localDescription.sdp});
    await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
    (globalThis.published ||= []).push(pc);
  }
}"""
COUNT = """async () => {
  let frames = 0, bytes = 0, dropped = 0;
  for (const {near} of people.values()) for (const one of (await near.getStats()).values()) {
    if (one.type !== "inbound-rtp" || one.kind !== "video") continue;
    frames += one.framesDecoded; bytes += one.bytesReceived; dropped += one.framesDropped;
  }
  return {frames, bytes, dropped};
}"""
TURNS = """async number => {
  const {toggle} = await stage(), turns = [];
  for (let turn = 0; turn < number; turn++) {
    await new Promise(done => setTimeout(done, 2500 + 1000 * Math.random()));
    turns.push(await toggle(turn % 2 === 0));
  }
  return turns;
}"""
LISTEN = """() => {
  globalThis.benchmark = [];
  const {people} = truefeed.watch;
  for (const one of people.values()) {
    const take = one.take;
    one.take = function (news) {
      take.call(this, news);
      const now = performance.timeOrigin + performance.now();
      if (this.verdict && news.event) benchmark.push([now, this.verdict.faces.length]);
    };
  }
}"""


def measure(page: Any, browser: Browser, seconds: float) -> dict[str, float]:
    """Return cores of the page's and of the extension's process, and what the page's call received a second."""
    watched = processes(browser, page)
    before, began, used = page.evaluate(COUNT), time.monotonic(), {k: cpu(p) for k, p in watched.items()}
    time.sleep(seconds)
    after, lasted = page.evaluate(COUNT), time.monotonic() - began
    cores = {k: (cpu(p) - used[k]) / lasted for k, p in watched.items()}
    return {
        **cores,
        "frames": (after["frames"] - before["frames"]) / lasted,
        "kbit/s": (after["bytes"] - before["bytes"]) * 8 / 1000 / lasted,
        "dropped": after["dropped"] - before["dropped"],
    }


def processes(browser: Browser, page: Any) -> dict[str, psutil.Process]:
    """Return the process of the page and, where the extension has one, its own; told apart by what they use."""
    tools = browser.context.browser.new_browser_cdp_session()
    found = [p["id"] for p in tools.send("SystemInfo.getProcessInfo")["processInfo"] if p["type"] == "renderer"]
    tools.detach()
    renderers = [psutil.Process(pid) for pid in found]
    ours = [p for p in renderers if "--extension-process" in p.cmdline()]
    page.evaluate("for (let end = performance.now() + 300; performance.now() < end;);")
    pages = sorted((p for p in renderers if p not in ours), key=cpu)
    return {"page": pages[-1], **({"extension": ours[0]} if ours else {})}


def cpu(process: psutil.Process) -> float:
    """Return what a process has used, s."""
    times = process.cpu_times()
    return float(times.user + times.system)


def one_way(way: str, playwright: Any, folder: Path, port: int, server: str, options: Any) -> dict[str, float]:
    """Hold a call in one of the three ways, and measure it."""
    with Browser(playwright, folder / way, port, server, public=False) as browser:
        browser.worker.evaluate("([on, token]) => chrome.storage.local.set({on, token})", [way == "with", TOKEN])
        page = browser.page
        page.goto(f"{MEET}/plain.html")
        for number in range(options.people):
            page.evaluate("([name, light]) => join(name, light)", [f"{way}{number}", 0.45])
        if way == "page":
            page.evaluate(PUBLISH, [server, TOKEN])
        time.sleep(15)  # the sender's encoder has worked up to its bit rate
        return measure(page, browser, options.seconds)


def latencies(playwright: Any, folder: Path, port: int, server: str, turns: int) -> list[float]:
    """Return the times from a face that comes or goes on the page to the verdict in the badge, ms."""
    with Browser(playwright, folder / "latency", port, server, public=False) as browser:
        browser.worker.evaluate("token => chrome.storage.local.set({token})", TOKEN)
        page = browser.page
        tools = browser.context.new_cdp_session(page)
        worlds: list[int] = []
        tools.on("Runtime.executionContextCreated", lambda e: worlds.append(e["context"]["id"]) if ours(e) else None)
        page.goto(f"{MEET}/plain.html")
        tools.send("Runtime.enable")
        page.evaluate("join('Turn', .45)")
        page.wait_for_timeout(12_000)

        def inside(script: str) -> Any:
            where = {"contextId": worlds[-1], "returnByValue": True}
            return tools.send("Runtime.evaluate", {"expression": f"({script})()", **where})["result"].get("value")

        inside(LISTEN)
        shown = page.evaluate(TURNS, turns)
        page.wait_for_timeout(3000)
        told = inside("() => benchmark")
    found = []
    for at, face in shown:
        after = [when - at for when, faces in told if when > at and (faces > 0) == face]
        found += after[:1]
    return found


def ours(event: Mapping[str, Any]) -> bool:
    """Tell whether a world of scripts is the extension's."""
    return event["context"].get("name") == "truefeed"


def memory(playwright: Any, folder: Path, port: int, server: str, options: Any) -> list[tuple[float, ...]]:
    """Return (seconds, MB of the page's process, MB of its heap, MB of the extension's process), one a tenth."""
    with Browser(playwright, folder / "memory", port, server, public=False) as browser:
        browser.worker.evaluate("token => chrome.storage.local.set({token})", TOKEN)
        page = browser.page
        page.goto(f"{MEET}/plain.html")
        for number in range(options.people):
            page.evaluate("([name, light]) => join(name, light)", [f"m{number}", 0.45])
        time.sleep(20)
        watched, tools, rows = processes(browser, page), browser.context.new_cdp_session(page), []
        tools.send("Performance.enable")
        began = time.monotonic()
        for _ in range(11):
            tools.send("HeapProfiler.collectGarbage")
            heap = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}["JSHeapUsedSize"]
            held = {k: p.memory_info().rss / 1e6 for k, p in watched.items()}
            rows.append((time.monotonic() - began, held["page"], heap / 1e6, held.get("extension", 0.0)))
            time.sleep(options.memory / 10)
    return rows


def report(found: Mapping[str, Sequence[Mapping[str, float]]], people: int) -> None:
    """Print the three ways, and what the extension adds to what WebRTC takes."""
    mean = {way: {k: sum(r[k] for r in runs) / len(runs) for k in runs[0]} for way, runs in found.items()}
    keys = ("page", "extension", "frames", "kbit/s", "dropped")
    rows = [(way, *(figures.get(k, 0.0) for k in keys)) for way, figures in mean.items()]
    table(
        "a call, three ways", rows, ("way", "page, cores", "extension, cores", "frames a second", "kbit/s", "dropped")
    )
    own = mean["with"]["page"] - mean["page"]["page"]
    whole = mean["with"]["page"] - mean["without"]["page"]
    print(f"\nbeside what WebRTC takes: {100 * own / people:.1f}% of a core a participant in the page (goal: under 3%)")
    print(f"with it: {100 * whole / people:.1f}%")


def main() -> None:
    parser = arguments(__doc__, 30)
    parser.add_argument("--people", type=int, default=2, help="in the call (default 2)")
    parser.add_argument("--rounds", type=int, default=2, help="of the three ways (default 2)")
    parser.add_argument("--turns", type=int, default=20, help="faces that come and go (default 20)")
    parser.add_argument("--memory", type=float, default=0, help="also watch the memory for so long, s")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        call_sites.sites(Path(name)) as port,
        call_sites.playing() as playwright,
        truefeed("serve", "--port", "0", "--engine", options.engine, token=TOKEN) as running,
    ):
        server = running.wait(120, event="stream", source="call")["detail"].rpartition("/")[0]
        folder = Path(name)
        found: dict[str, list[dict[str, float]]] = {"without": [], "page": [], "with": []}
        for number in range(options.rounds):
            for way in found:
                (folder / str(number)).mkdir(exist_ok=True)
                found[way].append(one_way(way, playwright, folder / str(number), port, server, options))
        report(found, options.people)
        times = latencies(playwright, folder, port, server, options.turns)
        row = (len(times), percentile(times, 50), percentile(times, 95), max(times, default=0.0))
        table("face to badge, ms (goal: p95 under 500)", [row], ("turns", "p50", "p95", "most"))
        if options.memory:
            head = ("s", "page, MB", "its heap, MB", "extension, MB")
            table("memory", memory(playwright, folder, port, server, options), head)


if __name__ == "__main__":
    main()
