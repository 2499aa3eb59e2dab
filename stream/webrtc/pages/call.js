// Joining: camera and microphone to truefeed (WHIP), and to the others in the call (links.js).
const tokenNeeded = __TOKEN_NEEDED__, csrf = "__CSRF__", tiles = new Map(), people = new Map();
let pc = null, stream = null, resource = null, me = null, links = null, socket = null, wait = 1000, retry = 0, reading = false;
$("host").textContent = location.host;
$("tokenrow").hidden = !tokenNeeded;
$("token").value = decodeURIComponent((location.hash.match(/token=([^&]+)/) || ["", ""])[1]);
$("agree").onchange = () => { $("start").disabled = !$("agree").checked; };
$("consent").onsubmit = event => { event.preventDefault(); join(); };
$("leave").onclick = () => leave("");
$("camera").onclick = camera;
$("mic").onclick = () => { for (const track of stream.getAudioTracks()) { track.enabled = !track.enabled; pressed($("mic"), "Microphone", track.enabled); } };
addEventListener("pagehide", () => leave(""));
const auth = more => ({...(tokenNeeded ? {Authorization: "Bearer " + $("token").value} : {}), ...(csrf ? {"X-CSRF-Token": csrf} : {}), ...more});
const PICTURE = {width: {ideal: 1280}, height: {ideal: 720}, frameRate: {ideal: 30}};

async function join() {
  $("error").textContent = ""; $("start").disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: true, video: PICTURE});
    const servers = await iceServers();
    links = new Links(servers, send, (name, picture, text) => { tile(name).picture(picture, text); }, gone);
    links.stream = stream;
    await publish(servers);
    for (const id of ["controls", "watched"]) $(id).hidden = false;
    $("consent").hidden = true; $("leave").focus(); listen();
  } catch (error) {
    leave(error.name === "NotAllowedError" ? "The browser was not allowed to use the camera." :
          error.name === "NotFoundError" ? "There is no camera or no microphone." : error.message);
  }
}
async function publish(servers) {
  const mine = pc = new RTCPeerConnection({iceServers: servers});
  pc.createDataChannel("truefeed").onmessage = event => { if (me) tile(me).take(JSON.parse(event.data)); };
  for (const kind of ["video", "audio"]) {
    const [track] = stream.getTracks().filter(t => t.kind === kind);
    pc.addTransceiver(track || kind, {direction: "sendonly", streams: [stream]});
  }
  const lost = () => { if (pc === mine) again(servers); };
  pc.onconnectionstatechange = () => { if (mine.connectionState === "failed") lost(); };
  await pc.setLocalDescription(); await gathered(pc);
  const answer = await fetch("/whip/" + encodeURIComponent($("name").value || "guest"),
    {method: "POST", headers: auth({"Content-Type": "application/sdp"}), body: pc.localDescription.sdp});
  if (!answer.ok) throw new Error(answer.status === 401 ? "The token is wrong." : (await answer.text()).trim());
  resource = answer.headers.get("Location");
  await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
  socket = new WebSocket(location.origin.replace("http", "ws") + resource + "/talk");
  socket.onmessage = event => take(JSON.parse(event.data));
  socket.onclose = lost;
}
// truefeed was lost, not the others: publish again, later each time.
function again(servers) {
  const old = pc; pc = null; old.close(); bye();
  if (socket) { socket.onclose = null; socket.close(); }
  if (me) { tile(me).take({event: "stream", state: "connection lost", detail: "trying again"}); }
  retry = setTimeout(async () => {
    wait = Math.min(2 * wait, 30000);
    try { await publish(servers); } catch { if (stream && pc) again(servers); }
  }, wait);
}
function bye() {
  if (resource) fetch(resource, {method: "DELETE", headers: auth({}), keepalive: true}).catch(() => {});
  resource = null;
}
function leave(why) {
  clearTimeout(retry);
  const old = pc; pc = null;
  if (old) old.close();
  if (links) links.close();
  if (socket) socket.close();
  bye();
  if (stream) stream.getTracks().forEach(track => track.stop());
  for (const name of [...tiles.keys()]) gone(name);
  stream = links = me = socket = null;
  pressed($("camera"), "Camera", true); pressed($("mic"), "Microphone", true);
  for (const id of ["controls", "watched"]) $(id).hidden = true;
  $("consent").hidden = false; $("start").disabled = !$("agree").checked; $("error").textContent = why;
}
async function iceServers() {
  const response = await fetch("/whip", {method: "OPTIONS", headers: auth({})});
  return (response.headers.get("Link") || "").split(/,\s*(?=<)/).filter(l => l.includes("ice-server")).map(link => {
    const value = key => (link.match(new RegExp(key + '="([^"]*)"')) || [])[1];
    return {urls: link.match(/<([^>]+)>/)[1], username: value("username"), credential: value("credential")};
  });
}
function send(message) { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); }
function pressed(button, word, on) { button.setAttribute("aria-pressed", on); button.textContent = word + (on ? " on" : " off"); }
// Off means off: the camera is let go, and no black picture is sent in its place.
async function camera() {
  const [old] = stream.getVideoTracks();
  let track = null;
  if (old) { stream.removeTrack(old); old.stop(); }
  else {
    try { [track] = (await navigator.mediaDevices.getUserMedia({video: PICTURE})).getVideoTracks(); }
    catch { $("error").textContent = "The camera is not to be had."; return; }
    stream.addTrack(track);
  }
  const own = pc && pc.getTransceivers().find(t => t.receiver.track.kind === "video");
  if (own) own.sender.replaceTrack(track).catch(() => {});
  links.replace(track); pressed($("camera"), "Camera", track !== null);
  if (me) tile(me).picture(track ? stream : null, "Camera off");
}
function tile(name) {
  if (!tiles.has(name)) tiles.set(name, new Tile(name, name === me));
  return tiles.get(name);
}
function gone(name) { const old = tiles.get(name); tiles.delete(name); if (old) old.close(); }
function take(event) {
  if (event.event === "room") {
    wait = 1000;
    if (me && me !== event.name) gone(me);
    me = event.name; tile(me).state({state: "waiting", detail: ""}); tile(me).picture(stream.getVideoTracks().length ? stream : null, "Camera off"); list();
  }
  links.take(event);
}
async function listen() {
  if (reading) return;
  reading = true;
  for (;;) {
    try {
      const response = await fetch("/events", {headers: auth({})});
      if (!response.ok) throw new Error();
      people.clear(); list();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "";;) {
        const {value, done} = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n"); rest = parts.pop();
        for (const part of parts) if (part.startsWith("data: ")) heard(JSON.parse(part.slice(6)));
      }
    } catch {}
    await new Promise(done => setTimeout(done, 2000));
  }
}
function heard(event) {
  const who = event.event === "participant" ? event.name : event.participant;
  if (event.event === "participant") { event.present ? people.set(who, {}) : people.delete(who); list(); }
  else if (event.event === "verdict" && who && people.has(who)) { people.set(who, event); list(); }
  if (who && who !== me && tiles.has(who)) tiles.get(who).take(event);
}
function row(name, word, status, kind = "") {
  const line = document.createElement("li"), who = document.createElement("span"), state = document.createElement("span");
  line.className = kind; who.textContent = name; state.className = "pill " + status; state.textContent = word;
  line.append(who, state); return line;
}
function list() {
  $("nobody").hidden = [...people.keys()].some(name => name !== me);
  $("people").replaceChildren(row("truefeed (monitoring)", "receives only", "", "watcher"),
    ...[...people].map(([name, event]) => row(name === me ? name + " (you)" : name,
      event.status ? WORD[event.status] + ", " + (share(event.fake) || "no face") : "waiting", event.status || "")));
}
list(); setInterval(() => { for (const one of tiles.values()) one.draw(); }, 250);
if (!tokenNeeded || $("token").value) listen();
