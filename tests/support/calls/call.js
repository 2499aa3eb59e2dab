// A call within one page: each person sends from a peer connection that stands for another browser, to one of this page's.
const people = new Map(), W = 320, H = 240;
const portrait = Object.assign(new Image(), {src: "/face.jpg"});
const loaded = portrait.decode();

// The portrait, darker or brighter; light 0 paints a wall without anybody.
function camera(light) {
  const canvas = Object.assign(document.createElement("canvas"), {width: W, height: H}), pen = canvas.getContext("2d");
  let number = 0;
  const paint = () => {
    number++;
    pen.filter = "none"; pen.fillStyle = "#5a5a5a"; pen.fillRect(0, 0, W, H);
    if (light) { pen.filter = `brightness(${light})`; pen.drawImage(portrait, 40 + 12 * Math.sin(number / 9), 0, H, H); }
  };
  const timer = setInterval(paint, 1000 / 15);
  paint();
  const [track] = canvas.captureStream(15).getVideoTracks();
  track.light = other => { light = other; };
  track.addEventListener("ended", () => clearInterval(timer));
  return track;
}
let sound = null;
function microphone() {
  sound ||= new AudioContext();
  const tone = new OscillatorNode(sound, {frequency: 220}), out = new MediaStreamAudioDestinationNode(sound);
  tone.connect(out); tone.start();
  return out.stream.getAudioTracks()[0];
}

async function connect(far, near) {
  far.onicecandidate = ({candidate}) => near.addIceCandidate(candidate || undefined).catch(() => {});
  near.onicecandidate = ({candidate}) => far.addIceCandidate(candidate || undefined).catch(() => {});
  await negotiate(far, near);
}
async function negotiate(far, near) {
  await far.setLocalDescription(); await near.setRemoteDescription(far.localDescription);
  await near.setLocalDescription(); await far.setRemoteDescription(near.localDescription);
}

function tile(name, stream) {
  const figure = document.createElement("figure");
  figure.dataset.participantId = name;
  figure.innerHTML = '<video autoplay playsinline muted></video><figcaption class="notranslate displayname"></figcaption>';
  figure.lastChild.textContent = name;
  figure.firstChild.srcObject = stream;
  (document.getElementById("tiles") || document.body).append(figure);
  return figure;
}

// A person of a plain call: a connection of its own, one stream with picture and sound.
async function join(name, light, settings = {}) {
  await loaded;
  const far = new RTCPeerConnection(settings), near = new RTCPeerConnection(settings), stream = new MediaStream();
  const person = {name, far, near, figure: null, tracks: [camera(light), microphone()]};
  people.set(name, person);
  near.ontrack = ({streams}) => { person.figure ||= tile(name, streams[0]); };
  for (const track of person.tracks) { stream.addTrack(track); far.addTrack(track, stream); }
  if (settings.prepare) settings.prepare(person);
  await connect(far, near);
  return person;
}
function leave(name) {
  const person = people.get(name);
  people.delete(name);
  person.far.close(); person.near.close(); person.figure.remove();
  for (const track of person.tracks) track.stop();
}
function swap(one, other) {
  const [a, b] = [one, other].map(name => people.get(name).figure.querySelector("video"));
  [a.srcObject, b.srcObject] = [b.srcObject, a.srcObject];
}

// A call through a server: one connection for everybody, whose transceivers are used again, and both ends may offer at any
// time (perfect negotiation).
class Server {
  constructor() {
    this.far = new RTCPeerConnection(); this.near = new RTCPeerConnection(); this.there = new Map();
    this.ends = [[this.far, false], [this.near, true]].map(([pc, polite]) => ({pc, polite, making: false, queue: Promise.resolve()}));
    this.ends.forEach((end, index) => this.perfect(end, this.ends[1 - index]));
    this.near.ontrack = ({track, streams: [stream], transceiver: {mid}}) => {
      if (track.kind !== "video") return;
      const one = [...this.there.values()].find(o => o.used.some(t => t.mid === mid));
      one.figure ||= tile(one.name, stream);
      one.figure.firstChild.srcObject = stream;
    };
  }
  perfect(end, other) {
    const {pc} = end, send = message => { other.queue = other.queue.then(() => this.take(other, end, structuredClone(message))).catch(error => console.error(String(error))); };
    pc.onicecandidate = ({candidate}) => send({candidate: candidate && candidate.toJSON()});
    pc.onnegotiationneeded = async () => {
      end.making = true;
      try {
        await pc.setLocalDescription();
        // The other's offer may have come in between: then this was the answer, which `take` sends.
        if (pc.signalingState === "have-local-offer") send({description: pc.localDescription.toJSON()});
      } finally { end.making = false; }
    };
    end.send = send;
  }
  async take(end, from, {description, candidate}) {
    const {pc} = end;
    if (description) {
      const collision = description.type === "offer" && (end.making || pc.signalingState !== "stable");
      end.ignore = !end.polite && collision;
      if (end.ignore) return;
      await pc.setRemoteDescription(description);
      if (pc.signalingState === "have-remote-offer") { await pc.setLocalDescription(); end.send({description: pc.localDescription.toJSON()}); }
    } else try { await pc.addIceCandidate(candidate || undefined); } catch (error) { if (!end.ignore) throw error; }
  }
  async enter(name, light) {
    await loaded;
    const stream = new MediaStream(), one = {name, stream, figure: null, used: []};
    this.there.set(name, one);
    for (const track of [camera(light), microphone()]) {
      stream.addTrack(track);
      const free = this.far.getTransceivers().find(t => t.direction === "inactive" && t.receiver.track.kind === track.kind);
      if (free) { await free.sender.replaceTrack(track); free.sender.setStreams(stream); free.direction = "sendonly"; one.used.push(free); }
      else one.used.push(this.far.addTransceiver(track, {direction: "sendonly", streams: [stream]}));
    }
    if (!this.glare) this.glare = this.near.createDataChannel("glare");  // so that at first both ends offer
  }
  async exit(name) {
    const one = this.there.get(name);
    this.there.delete(name);
    for (const t of one.used) { t.sender.track.stop(); await t.sender.replaceTrack(null); t.direction = "inactive"; }
    one.figure.remove();
  }
}

// End-to-end encryption as calls have it: every encoded frame is changed on its way, in a script or by the older interface.
function scrambled(kind) {
  const flip = data => { const bytes = new Uint8Array(data); for (let i = 12; i < bytes.length; i++) bytes[i] ^= 0x5a; return bytes.buffer; };
  if (kind === "streams") {
    const change = one => {
      const {readable, writable} = one.createEncodedStreams();
      readable.pipeThrough(new TransformStream({transform(frame, out) { frame.data = flip(frame.data); out.enqueue(frame); }})).pipeTo(writable);
    };
    return {encodedInsertableStreams: true, prepare({far, near, figure}) {
      far.getSenders().forEach(change);
      near.addEventListener("track", ({receiver}) => change(receiver));
    }};
  }
  const worker = new Worker("/scramble.js");
  return {prepare({far, near}) {
    for (const sender of far.getSenders()) sender.transform = new RTCRtpScriptTransform(worker, {});
    near.addEventListener("track", ({receiver}) => { receiver.transform = new RTCRtpScriptTransform(worker, {}); });
  }};
}

// For measurements: the first person's face comes and goes; tells [when the page shows it, ms since 1970, whether it is there].
async function stage() {
  const person = [...people.values()][0], video = person.figure.querySelector("video");
  const canvas = Object.assign(document.createElement("canvas"), {width: 16, height: 12}), pen = canvas.getContext("2d", {willReadFrequently: true});
  const toggle = there => new Promise(done => {
    person.tracks[0].light(there ? .45 : 0);
    const look = (now, {expectedDisplayTime}) => {
      pen.drawImage(video, 0, 0, 16, 12);
      const [red, green, blue] = pen.getImageData(8, 8, 1, 1).data;
      if (there !== (Math.abs(red - 90) + Math.abs(green - 90) + Math.abs(blue - 90) < 24)) done([performance.timeOrigin + expectedDisplayTime, there]);
      else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  await toggle(false);
  return {toggle};
}
