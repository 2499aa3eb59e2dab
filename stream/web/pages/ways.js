// Which way for which call: what to type or open, what is then seen and heard, and what is not. As docs/which-way.md.

import { h, icon } from "./dom.js";
import { t } from "./text.js";

const EXTENSION = "truefeed extension --out truefeed-extension";
const PUSHED = "truefeed watch rtmp+listen://0.0.0.0:1935/live/KEY";
const WAYS = [
  ["zoom", "call", [["extension", EXTENSION], ["window", "truefeed watch screen:Zoom"], ["pushed", PUSHED]]],
  ["teams", "call", [["extension", EXTENSION], ["window", "truefeed watch screen:Teams"], ["pushed", PUSHED]]],
  ["meet", "call", [["extension", EXTENSION], ["pushed", PUSHED]]],
  ["webex", "call", [["window", "truefeed watch screen:Webex"], ["click", EXTENSION], ["pushed", PUSHED]]],
  ["jitsi", "call", [["extension", EXTENSION]]],
  ["whatsapp", "call", [["window", "truefeed watch screen:WhatsApp"], ["mirror", "truefeed watch screen:Phone"]]],
  ["facetime", "call", [["screen", "truefeed watch screen --mic BlackHole"], ["region", "truefeed watch screen:100,80,1280,720"]]],
  ["phone", "audio", [["loud", "truefeed watch mic"]]],
  ["obs", "video", [["local", "truefeed watch rtmp+listen://127.0.0.1:1935/live"], ["pushed", PUSHED]]],
  ["camera", "camera", [["desk", "truefeed watch 0 --mic"], ["network", "truefeed watch rtsp://user:password@HOST/live"], ["live", null, "/live"]]],
  ["recording", "image", [["file", "truefeed scan FILE"], ["check", null, "/"]]],
  ["own", "call", [["page", null, "/call"], ["room", "truefeed watch janus+ws://HOST:8188/?room=1234"]]],
];
const LAW = ["say", "consent", "data", "keep", "act"];

/** Show the page. */
export function show(main) {
  main.append(
    h("div", { class: "stack tight" }, h("h1", {}, t("ways.title")), h("p", { class: "lead" }, t("ways.lead")), h("p", { class: "soft" }, t("ways.untried"))),
    h("nav", { class: "jump", "aria-label": t("ways.title") }, [...WAYS.map(([name]) => name), "law"].map((name) => h("a", { href: `#${name}`, onclick: jump }, t(`ways.${name}`)))),
    h("div", { class: "stack" }, WAYS.map(([name, drawing, ways]) => card(name, drawing, ways))),
    h("section", { class: "card stack", id: "law", tabindex: "-1" }, h("h2", {}, t("ways.law")), h("p", {}, t("ways.law.advice")),
      h("ul", {}, LAW.map((name) => h("li", {}, t(`ways.law.${name}`))))));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** Go there without a change of address, which would show the page anew. */
function jump(event) {
  event.preventDefault();
  const target = document.querySelector(event.currentTarget.getAttribute("href"));
  target.scrollIntoView();
  target.focus({ preventScroll: true });
}

function card(name, drawing, ways) {
  const how = ways.map(([by, command, path]) => h("li", {}, h("p", {}, t(`ways.by.${by}`)), path ? h("a", { href: path }, t("ways.open")) : h("code", {}, command)));
  return h("article", { class: "card stack call", id: name, tabindex: "-1" },
    h("h2", { class: "row" }, icon(drawing), t(`ways.${name}`)), h("ul", { class: "how" }, how),
    h("dl", {}, h("dt", {}, t("ways.seen")), h("dd", {}, t(`ways.${name}.seen`)), h("dt", {}, t("ways.unseen")), h("dd", {}, t(`ways.${name}.unseen`))));
}
