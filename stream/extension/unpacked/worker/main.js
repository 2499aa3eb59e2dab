// The service worker: carries signalling between pages and truefeed, and knows which tab watches whom.
import {capture, release} from "./capture.js";
import {clicked, reloaded, revive} from "./pages.js";
import {settings, store} from "./settings.js";
import {leave, leaveAll, publish, servers} from "./whip.js";

const frames = new Map();  // tab -> (port of a frame -> its people)
const panels = new Set();  // ports of side panels
let problem = "";  // what the user has to know

// ---- pages, by their ports

chrome.runtime.onConnect.addListener(port => {
  const inside = port.sender.url?.startsWith(chrome.runtime.getURL(""));  // not a page's, whatever it says it is
  if (port.name === "panel" && inside) panel(port);
  else if (port.name === "call" || (port.name === "capture" && inside)) call(port);
});

function call(port) {
  const tab = port.name === "call" ? port.sender.tab?.id : undefined;
  const begin = `${crypto.randomUUID()} `;
  port.onMessage.addListener(message => {
    if (message.question) answer(port, begin, message);
    else if (message.people) reported(port, message.tab ?? tab, message.people);
    else if (message.off) turn(false);
  });
  port.onDisconnect.addListener(() => {
    leaveAll(begin);
    for (const [id, ports] of frames) if (ports.delete(port)) tell(id);
  });
}

async function answer(port, begin, {question, person, ask, sdp, name}) {
  const who = begin + person;
  let reply = {};
  try {
    if (ask === "servers") reply = {servers: await servers()};
    else if (ask === "offer") reply = {sdp: await publish(who, name, sdp)};
    else if (ask === "leave") leave(who);
  } catch (error) {
    reply = {error: error.message};
  }
  try { port.postMessage({answer: question, ...reply}); } catch { leave(who); }
}

function reported(port, tab, people) {
  if (tab === undefined) return;
  if (!frames.has(tab)) frames.set(tab, new Map());
  frames.get(tab).set(port, people);
  tell(tab);
}

const captured = tab => [...(frames.get(tab)?.keys() || [])].some(port => port.name === "capture");
const everyone = tab => [...(frames.get(tab)?.values() || [])].flat();

function tell(tab) {
  const people = everyone(tab), total = people.length;
  chrome.tabs.sendMessage(tab, {total}, {frameId: 0}).catch(() => {
    // The page around the call is not one that is watched: the frame says it itself.
    for (const [port, here] of frames.get(tab) || []) if (port.name === "call") port.postMessage({total: here.length});
  });
  mark(tab, total, people.some(one => one.alarmed));
  for (const port of panels) if (port.tab === tab) show(port);
}

// ---- the toolbar

const marks = new Map();  // tab -> what its icon says

async function mark(tab, number, alarmed) {
  const {on} = await settings();
  const text = !on ? "OFF" : alarmed ? "!" : "ON";
  const title = !on ? "truefeed is off" : alarmed ? "truefeed: alert" : number ? `truefeed watches: ${number}` : "truefeed watches calls on this page";
  if (marks.get(tab) === title) return;
  marks.set(tab, title);
  const color = !on ? "#56636d" : alarmed ? "#d32f2f" : "#1f7fc4";
  await Promise.allSettled([
    chrome.action.setBadgeText({tabId: tab, text}), chrome.action.setTitle({tabId: tab, title}),
    chrome.action.setBadgeBackgroundColor({tabId: tab, color}), chrome.action.setBadgeTextColor({tabId: tab, color: "#fff"}),
  ]);
}

async function turn(on) {
  await store({on});
  if (!on) await release();
  await chrome.action.setBadgeText({text: on ? "" : "OFF"});
  for (const {id} of await chrome.tabs.query({})) {
    chrome.tabs.sendMessage(id, {on}).then(() => mark(id, 0, false), () => {});
  }
  for (const port of panels) show(port);
}

chrome.action.onClicked.addListener(async tab => {
  chrome.sidePanel.open({tabId: tab.id}).catch(() => {});
  if (!(await settings()).on) await turn(true);
  await clicked(tab);
  const drawn = /(^|\.)zoom\.us$/.test(new URL(tab.url || "about:blank").hostname);
  if (drawn && !everyone(tab.id).length) await watchTab(tab);
});

// A tab may be captured after a click on the icon while it was in front.
async function watchTab(tab) {
  try {
    await capture(tab);
    problem = "";
  } catch (error) {
    problem = `The picture of this tab can't be had (${error.message}): click the icon in the toolbar, then try again.`;
  }
}

// Another server: everybody is published anew, there.
async function moved() {
  if (!(await settings()).on) return;
  await turn(false);
  await turn(true);
}

// ---- the side panel

function panel(port) {
  panels.add(port);
  port.onDisconnect.addListener(() => panels.delete(port));
  port.onMessage.addListener(async message => {
    if ("tab" in message) port.tab = message.tab;
    if ("on" in message) await turn(message.on);
    if (message.capture) await watchTab(await chrome.tabs.get(port.tab));
    if (message.release) await release();
    if (message.moved) await moved();
    await show(port);
  });
}

async function show(port) {
  const {on} = await settings();
  try {
    port.postMessage({tab: port.tab, on, people: everyone(port.tab), captured: captured(port.tab), problem});
  } catch { panels.delete(port); }
}

// ---- tabs that come, load and go

chrome.runtime.onMessage.addListener((message, from, reply) => {
  if (message.panel && from.tab) chrome.sidePanel.open({tabId: from.tab.id}).catch(() => {});
  if (!("hello" in message)) return undefined;
  settings().then(({on}) => {
    reply({on});
    if (from.tab && message.hello) mark(from.tab.id, everyone(from.tab.id).length, false);
  });
  return true;
});
chrome.tabs.onUpdated.addListener((id, change) => {
  if (change.status !== "loading") return;
  marks.delete(id);
  reloaded(id);
});
chrome.tabs.onRemoved.addListener(id => { frames.delete(id); marks.delete(id); });
chrome.runtime.onInstalled.addListener(revive);
