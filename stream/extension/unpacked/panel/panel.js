// The side panel: who is watched in the tab in front, and what is thought of each.
import {address, settings, store} from "../worker/settings.js";

const {percent} = truefeed.words;
const COLOUR = {real: "#34d396", uncertain: "#fab428", fake: "#ff6b6b"};
const $ = id => document.getElementById(id);
const cards = new Map();
let port = null, tab = Number(new URLSearchParams(location.search).get("tab")) || null, state = null;

function connect() {
  port = chrome.runtime.connect({name: "panel"});
  port.onMessage.addListener(show);
  port.onDisconnect.addListener(() => { port = null; });
  if (tab !== null) port.postMessage({tab});
}

// The service worker sleeps when nobody is watched; asking wakes it.
function send(message) {
  if (!port) connect();
  port.postMessage(message);
}

function show(given) {
  state = given;
  $("switch").textContent = given.on ? "Stop" : "Watch";
  $("switch").setAttribute("aria-checked", given.on);
  $("said").textContent = given.problem || (!given.on ? "Off: nothing is watched." : given.people.length
    ? `Watching ${given.people.length === 1 ? "1 participant" : `${given.people.length} participants`} of this tab.`
    : "On: nobody to watch in this tab yet. On a page that is not one of the known sites, click the icon in the toolbar once.");
  $("capture").textContent = given.captured ? "Stop watching the tab's picture" : "Watch the tab's picture";
  $("tab").hidden = !given.on;
  const there = new Set(given.people.map(one => one.name + one.key));
  for (const [key, card] of cards) if (!there.has(key)) { card.remove(); cards.delete(key); }
  for (const one of given.people) draw(one);
}

function draw(one) {
  const key = one.name + one.key;
  if (!cards.has(key)) {
    cards.set(key, $("one").content.firstElementChild.cloneNode(true));
    $("people").append(cards.get(key));
  }
  const card = cards.get(key), put = (query, text) => { card.querySelector(query).textContent = text; };
  card.className = `${one.tone} ${one.alarmed ? "alarmed" : ""}`;
  put(".name", one.name); put(".word", one.figure ? `${one.word} · ${one.figure}` : one.word); put(".why", one.why);
  put(".voice", typeof one.voice === "number" ? `voice: ${percent(one.voice)} fake` : "");
  put(".figures", one.figures);
  const items = one.alerts.slice(0, 5).map(alert => Object.assign(document.createElement("li"), {
    className: alert.open ? "open" : "",
    textContent: `${new Date(alert.at).toLocaleTimeString()}  alert: ${alert.subject}, ${percent(alert.probability)} fake${alert.open ? "" : " (over)"}`,
  }));
  card.querySelector(".alerts").replaceChildren(...items);
  sparkline(card.querySelector(".line"), one);
}

function sparkline(canvas, one) {
  const pen = canvas.getContext("2d"), {width, height} = canvas, step = width / one.line.length;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = "#2c353c"; pen.fillRect(0, height - 1, width, 1); pen.fillRect(0, height / 2, width, 1);
  one.line.forEach((column, index) => {
    if (!column) return;
    const tall = Math.max(4, column[0] * (height - 4));
    pen.fillStyle = COLOUR[column[1]] || "#8d99a3";
    pen.fillRect(index * step, height - tall, Math.max(2, step - 2), tall);
  });
  canvas.setAttribute("aria-label", "The last minute: " + (one.figure || "no verdict"));
}

async function front() {
  if (new URLSearchParams(location.search).has("tab")) return;
  const [active] = await chrome.tabs.query({active: true, currentWindow: true});
  if (active) { tab = active.id; send({tab}); }
}

$("switch").onclick = () => send({on: !state.on});
$("capture").onclick = () => send(state.captured ? {release: true} : {capture: true});
$("settings").querySelector("form").onsubmit = async event => {
  event.preventDefault();
  const server = address($("server").value.trim());
  if (!server) { $("saved").textContent = "Write an address such as http://localhost:5000"; return; }
  if (!(await chrome.permissions.request({origins: [`${new URL(server).protocol}//${new URL(server).hostname}/*`]}))) {
    $("saved").textContent = "Not saved: the browser was not allowed to speak to it"; return;
  }
  await store({server, token: $("token").value.trim()});
  const open = server.startsWith("http:") && !["localhost", "127.0.0.1"].includes(new URL(server).hostname);
  $("server").value = server;
  $("saved").textContent = open ? "Saved. What goes there can be read on the way: https is better" : "Saved";
  send({moved: true});
};

const kept = await settings();
$("server").value = kept.server; $("token").value = kept.token;
chrome.tabs.onActivated.addListener(front);
connect();
await front();
setInterval(() => { if (state && state.on && tab !== null) send({tab}); }, 5000);
