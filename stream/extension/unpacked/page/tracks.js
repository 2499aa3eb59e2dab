// In the page's own world: notices what its peer connections receive and publishes copies of it. Nothing of the page is
// replaced but methods of prototypes by others that do the same and then look; so a connection made before is noticed, too.
(() => {
  const Publication = globalThis.truefeedPublication;
  delete globalThis.truefeedPublication;
  const there = new CustomEvent("truefeed:there", {cancelable: true});
  if (!Publication || !globalThis.RTCPeerConnection || !document.dispatchEvent(there)) return;
  document.addEventListener("truefeed:there", event => event.preventDefault());

  const prototype = RTCPeerConnection.prototype, own = Publication.own;
  const {getTransceivers} = prototype, listen = EventTarget.prototype.addEventListener;
  const {clone} = MediaStreamTrack.prototype;
  const ENDPOINT = /^([0-9a-f]{8})-(?:audio|video)-/;  // Jitsi has a stream for each track, named after the person
  const known = new Map();  // connection -> {streams: track -> id of its stream}
  const people = new Map();  // key -> {key, publication, video, audio}
  const loose = new Set();  // tracks found in the page's elements, of connections that are not known
  const shown = new WeakMap();  // track -> id of the stream that an element of the page shows it in
  const waiting = new Map();  // number of a question -> {done, failed}
  let port = null, keys = 0, questions = 0, on = false;

  // ---- what the page does

  function watch(method) {
    const native = prototype[method];
    if (typeof native !== "function") return;
    prototype[method] = new Proxy(native, {
      apply(target, pc, given) {
        const result = Reflect.apply(target, pc, given);
        try { note(pc); } catch { /* the page has its result, whatever happens here */ }
        return result;
      },
    });
  }
  for (const method of ["setLocalDescription", "setRemoteDescription", "createOffer", "createAnswer", "addIceCandidate",
    "getStats", "getTransceivers", "getReceivers", "getSenders", "addTrack", "addTransceiver", "restartIce", "close"]) watch(method);

  // A page may show a copy of what it receives: the badge belongs there, too.
  MediaStreamTrack.prototype.clone = new Proxy(clone, {
    apply(target, track, given) {
      const copy = Reflect.apply(target, track, given);
      try { if (port && holder(track)) say({copy: copy.id, of: track.id}); } catch { /* as above */ }
      return copy;
    },
  });

  function note(pc) {
    if (own.has(pc)) return;
    if (!known.has(pc)) {
      const about = {streams: new WeakMap(), due: false};
      known.set(pc, about);
      Reflect.apply(listen, pc, ["track", event => {
        const [stream] = event.streams;
        about.streams.set(event.track, stream ? stream.id : "");
        if (stream) Reflect.apply(listen, stream, ["removetrack", () => later(pc, about)]);
        for (const change of ["ended", "unmute"]) Reflect.apply(listen, event.track, [change, () => later(pc, about)]);
        later(pc, about);
      }]);
      for (const change of ["signalingstatechange", "connectionstatechange"]) {
        Reflect.apply(listen, pc, [change, () => later(pc, about)]);
      }
    }
    if (!known.get(pc).seen || pc.signalingState === "closed") later(pc, known.get(pc));
  }

  function later(pc, about) {
    about.seen = true;
    if (about.due) return;
    about.due = true;
    setTimeout(() => { about.due = false; settle(pc, about); }, 0);
  }

  // ---- who is there

  function received(pc) {
    if (pc.signalingState === "closed") return [];
    return Reflect.apply(getTransceivers, pc, [])
      .filter(t => ["recvonly", "sendrecv"].includes(t.currentDirection) && t.receiver.track.readyState === "live")
      .map(t => t.receiver.track);
  }

  function settle(pc, about) {
    if (pc.signalingState === "closed") known.delete(pc);
    if (!on) return;
    const tracks = received(pc), groups = new Map();
    const pair = ["video", "audio"].every(kind => tracks.filter(t => t.kind === kind).length <= 1);
    for (const track of tracks) {
      loose.delete(track);
      put(groups, track, about.streams.get(track) || shown.get(track) || "", pair);
    }
    place(pc, groups);
  }

  // Sound and picture of one stream are one person's; so are those of a connection that brings one of each and names no stream.
  function put(groups, track, stream, pair) {
    const name = stream.match(ENDPOINT)?.[1] || stream, group = name || (pair ? "all" : track.id);
    if (!groups.has(group)) groups.set(group, {stream: name, video: null, audio: null});
    groups.get(group)[track.kind] ??= track;
  }

  // Match groups of tracks with the people of this connection, or with those of whom no connection was known so far.
  function place(pc, groups) {
    const before = [...people.values()].filter(person => person.pc === pc || !person.pc);
    for (const {stream, video, audio} of groups.values()) {
      const shares = p => (video && p.video === video) || (audio && p.audio === audio);
      const index = before.findIndex(p => (p.stream === stream && stream) || (shares(p) && (!p.pc || p.stream === stream)));
      const person = index >= 0 ? before.splice(index, 1)[0] : {key: `p${++keys}`, publication: null};
      const same = people.has(person.key) && person.video === video && person.audio === audio;
      people.set(person.key, Object.assign(person, {pc, stream, video, audio}));
      if (same) continue;
      if (person.publication) feed(person);
      say({person: person.key, video: video && video.id, audio: audio && audio.id});
    }
    for (const person of before) if (person.pc === pc) leave(person);
  }

  function leave(person) {
    people.delete(person.key);
    if (person.publication) person.publication.stop();
    say({gone: person.key});
  }

  function holder(track) {
    for (const person of people.values()) if (person.video === track || person.audio === track) return person;
    return null;
  }

  // Connections that were there before: what they bring is in the page's elements.
  function search() {
    const held = new Set();
    for (const element of document.querySelectorAll("video, audio")) {
      const stream = element.srcObject;
      if (!(stream instanceof MediaStream)) continue;
      for (const track of stream.getTracks()) {
        const remote = track.label.startsWith("remote ") && track.readyState === "live";
        if (!remote || (holder(track) && !loose.has(track))) continue;
        held.add(track);
        shown.set(track, stream.id);
        if (!loose.has(track)) Reflect.apply(listen, track, ["ended", search]);
      }
    }
    loose.clear();
    const groups = new Map();
    for (const track of held) { loose.add(track); put(groups, track, shown.get(track), false); }
    place(null, groups);
  }

  function feed(person) {
    person.publication.set("video", person.video);
    person.publication.set("audio", person.audio);
  }

  // ---- the other world, where the page can't listen

  function say(message) { if (port) port.postMessage(message); }

  function ask(person, question) {
    return new Promise((done, failed) => {
      waiting.set(++questions, {done, failed});
      say({question: questions, person: person.key, ...question});
    });
  }

  function hear({data}) {
    if ("answer" in data) {
      const question = waiting.get(data.answer);
      waiting.delete(data.answer);
      if (question) data.error ? question.failed(new Error(data.error)) : question.done(data);
    } else if ("publish" in data && people.has(data.publish)) {
      const person = people.get(data.publish);
      person.publication ??= new Publication(question => ask(person, question), news => say({about: person.key, ...news}));
      feed(person);
      person.publication.start(data.name);
    } else if ("on" in data) {
      turn(data.on, data.late);
    }
  }

  function turn(wish, late) {
    on = wish;
    if (!on) for (const person of [...people.values()]) leave(person);
    if (on) for (const [pc, about] of known) later(pc, about);
    if (on && late) for (const wait of [0, 2000, 5000, 10000]) setTimeout(() => { if (on) search(); }, wait);
  }

  // Given before the page runs. A second one is the page's own, unless the first is closed: the extension was renewed.
  document.addEventListener("truefeed:port", event => {
    const [given] = event.ports || [];
    if (!given || port) return;
    port = given;
    port.onmessage = hear;
    port.onclose = () => { port = null; turn(false); };
  });
})();
