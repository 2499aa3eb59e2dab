// From browser to browser. Who comes later calls those who are there; signals travel through truefeed.
class Links {
  constructor(servers, send, show, gone) {
    this.servers = servers; this.send = send; this.show = show; this.gone = gone;
    this.stream = null; this.camera = true; this.all = new Map(); this.known = new Set();
  }
  take(event) {
    if (event.event === "room") {  // also after truefeed was lost and found: who is still connected stays so
      this.known = new Set(event.others);
      for (const name of this.known) if (!this.connected(name)) this.call(name);
    } else if (event.event === "peer" && event.present) {
      this.known.add(event.name);
      if (!this.connected(event.name)) this.open(event.name);
    } else if (event.event === "peer") {  // has left, or has only lost truefeed
      this.known.delete(event.name);
      if (!this.connected(event.name)) { this.drop(event.name); this.gone(event.name); }
    }
    else if (event.event === "signal") this.signal(event.from, event.signal).catch(() => {});
  }
  connected(name) { return this.all.has(name) && this.all.get(name).pc.connectionState === "connected"; }
  open(name) {
    this.drop(name);
    const pc = new RTCPeerConnection({iceServers: this.servers});
    const link = {pc, wait: 1000, calls: false, stream: null, camera: true};
    this.all.set(name, link); this.tell(name, link);
    pc.ontrack = event => { link.stream = event.streams[0] || new MediaStream([event.track]); this.tell(name, link); };
    pc.onconnectionstatechange = () => this.changed(name, link);
    return link;
  }
  changed(name, link) {
    if (link.pc.connectionState === "connected") link.wait = 1000;
    if (!["failed", "disconnected"].includes(link.pc.connectionState) || this.all.get(name) !== link) return;
    if (!this.known.has(name)) { this.drop(name); this.gone(name); return; }
    if (link.pc.connectionState !== "failed") return;
    link.stream = null; this.tell(name, link);
    if (link.calls) setTimeout(() => {
      if (this.all.get(name) === link) this.call(name, Math.min(2 * link.wait, 30000));
    }, link.wait);
  }
  tell(name, link) { this.show(name, link.camera ? link.stream : null, link.camera ? "Connecting" : "Camera off"); }
  async call(name, wait = 1000) {
    const link = this.open(name), {pc} = link;
    link.calls = true; link.wait = wait;
    this.add(pc);
    await pc.setLocalDescription(); await gathered(pc);
    this.say(name, {sdp: pc.localDescription});
  }
  add(pc) { for (const track of this.stream.getTracks()) pc.addTrack(track, this.stream); }
  say(name, signal) { this.send({to: name, signal}); if (signal.sdp && !this.camera) this.send({to: name, signal: {camera: false}}); }
  async signal(name, signal) {
    if (signal.sdp && signal.sdp.type === "offer") {
      const {pc} = this.open(name);
      await pc.setRemoteDescription(signal.sdp); this.add(pc);
      await pc.setLocalDescription(); await gathered(pc);
      this.say(name, {sdp: pc.localDescription});
      return;
    }
    const link = this.all.get(name);
    if (!link) return;
    if (signal.bye) { this.drop(name); this.gone(name); }
    if (signal.sdp) await link.pc.setRemoteDescription(signal.sdp);
    if (typeof signal.camera === "boolean") { link.camera = signal.camera; this.tell(name, link); }
  }
  replace(track) {
    this.camera = track !== null;
    for (const [name, {pc}] of this.all) {
      const sender = pc.getTransceivers().find(t => t.receiver.track.kind === "video");
      if (sender) sender.sender.replaceTrack(track).catch(() => {});
      this.send({to: name, signal: {camera: this.camera}});
    }
  }
  drop(name) { const link = this.all.get(name); this.all.delete(name); if (link) link.pc.close(); }
  close() { for (const name of [...this.all.keys()]) { this.send({to: name, signal: {bye: true}}); this.drop(name); this.gone(name); } }
}
function gathered(pc) {
  return new Promise(done => {
    const look = () => pc.iceGatheringState === "complete" && done();
    pc.onicegatheringstatechange = look; look(); setTimeout(done, 2000);
  });
}
