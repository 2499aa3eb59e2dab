// Between the page's tracks, the extension's service worker and the badges. One for each frame.
var truefeed = globalThis.truefeed ||= {};
truefeed.watch ||= (() => {
  const PATIENCE = 1500;  // a name is waited for so long before a participant has a number, ms
  const COPIES = 200;  // of tracks that are remembered, the newest
  const people = new Map();  // key -> Participant
  const tracks = new Map();  // id of a track -> key
  const copies = new Map();  // id of a copy -> id of the track
  const asked = new Set();  // numbers of the questions that wait for an answer
  const top = window === window.top;
  let port = null, page = null, on = false, numbers = 0, total = 0, timer = 0;

  const badges = new truefeed.Badges(find, () => send({off: true}), openPanel);

  // Not by the port: a click counts as one only with a message of its own.
  function openPanel() { chrome.runtime.sendMessage({panel: true}).catch(() => {}); }

  function find(id) {
    for (let hops = 0; hops < 5 && !tracks.has(id) && copies.has(id); hops++) id = copies.get(id);
    return people.get(tracks.get(id));
  }

  // ---- the page's own world

  function enter() {
    const {port1, port2} = new MessageChannel();
    page = port1;
    page.onmessage = ({data}) => heard(data);
    document.dispatchEvent(new MessageEvent("truefeed:port", {ports: [port2]}));
  }

  function heard(data) {
    if (data.question) ask(data);
    else if (data.person) arrived(data);
    else if (data.gone) left(data.gone);
    else if (data.copy) copied(data);
    else if (data.about && people.has(data.about)) {
      people.get(data.about).take(data);
      badges.tell(people.get(data.about));
    }
  }

  function copied({copy, of}) {
    copies.set(copy, of);
    if (copies.size > COPIES) copies.delete(copies.keys().next().value);
  }

  function arrived({person, video, audio}) {
    for (const [id, key] of tracks) if (key === person) tracks.delete(id);
    for (const id of [video, audio]) if (id) tracks.set(id, person);
    if (people.has(person)) return;
    people.set(person, new truefeed.Participant(person, ""));
    badges.open();
    badges.look();
    timer ||= setInterval(report, 1000);
    naming(person, performance.now() + (video ? PATIENCE : 0));
  }

  function naming(key, until) {
    const one = people.get(key);
    if (!one || !on) return;
    one.name = named(one);
    if (!one.name && performance.now() < until) { setTimeout(naming, 200, key, until); return; }
    one.name ||= `participant ${++numbers}`;
    page.postMessage({publish: key, name: one.name});
    report();
  }

  function named(one) { return one.video && one.video.isConnected ? truefeed.names.of(one.video) : ""; }

  function left(key) {
    people.delete(key);
    for (const [id, of] of tracks) if (of === key) tracks.delete(id);
    if (!people.size) copies.clear();
    report();
    if (!people.size) { clearInterval(timer); timer = 0; tidy(); }
  }

  function tidy() {
    if (!people.size && !(total && on)) badges.close();
    else badges.look();
  }

  // ---- the service worker

  function ask({question, person, ask: what, ...more}) {
    if (what !== "leave") asked.add(question);
    send({question, person, ask: what, ...more});
  }

  function send(message) {
    try {
      if (!port) connect();
      port.postMessage(message);
    } catch { orphaned(); }
  }

  function connect() {
    port = chrome.runtime.connect({name: "call"});
    port.onMessage.addListener(told);
    port.onDisconnect.addListener(() => {
      port = null;
      for (const question of asked) page.postMessage({answer: question, error: "the extension was interrupted"});
      asked.clear();
    });
  }

  function told(message) {
    if ("answer" in message) { asked.delete(message.answer); page.postMessage(message); }
    else if ("total" in message) count(message.total);
  }

  function report() {
    for (const one of people.values()) {
      const name = named(one);
      if (name && name !== one.name) one.name = name;
    }
    if (top || people.size || port) send({people: [...people.values()].map(one => one.snapshot())});
  }

  // The extension was removed, or replaced by another version: nothing of it stays.
  function orphaned() {
    turn(false);
    if (page) page.close();
    page = null;
  }

  function turn(wish, late = false) {
    if (on === wish || !page) return;
    on = wish;
    page.postMessage({on, late});
    if (!on) { total = 0; for (const key of [...people.keys()]) left(key); }
    tidy();
  }

  function count(number) {
    total = number;
    if (!on || !total) { badges.say(null); tidy(); return; }
    badges.open();
    badges.say(`truefeed watches ${total === 1 ? "1 person" : `${total} people`}`);
  }

  chrome.runtime.onMessage.addListener((message, from, reply) => {
    if ("on" in message) turn(message.on);
    if ("total" in message && top) count(message.total);
    if (message.there) reply(true);
  });

  enter();
  const late = document.readyState !== "loading";
  chrome.runtime.sendMessage({hello: top}).then(state => turn(state.on, late), () => {});
  addEventListener("pagehide", () => { if (port) port.disconnect(); port = null; });
  return {people};
})();
