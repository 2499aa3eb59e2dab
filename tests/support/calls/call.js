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
