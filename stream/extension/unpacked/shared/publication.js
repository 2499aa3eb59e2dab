// One participant on its way to truefeed (WHIP). Somebody else carries the signalling, since a page's own policy may
// forbid it; what breaks is published again, later each time.
(() => {
  if (globalThis.truefeedPublication) return;
  const Connection = globalThis.RTCPeerConnection;
  const WAITS = [1000, 2000, 4000, 8000, 15000];  // ms
  const SILENT = 15000;  // truefeed sends figures every 5 s, ms
  const BITRATE = {video: 2500000, audio: 64000};  // of one person at most, bit/s

  globalThis.truefeedPublication = class Publication {
    static own = new WeakSet();  // the connections made here

    // signal({ask, ...}) resolves to the answer or throws; tell({event}) and tell({state, detail}) are called as things happen.
    constructor(signal, tell, bitrate = BITRATE) {
      this.signal = signal; this.tell = tell; this.bitrate = bitrate;
      this.copies = {video: null, audio: null}; this.originals = {video: null, audio: null};
      this.senders = null; this.pc = null; this.name = ""; this.failed = 0; this.timer = 0; this.ended = false;
    }

    // Send this track from now on; null sends none. A copy goes out: what becomes of the page's own one is the page's affair.
    set(kind, track) {
      if (this.originals[kind] === track) return;
      const old = this.copies[kind];
      this.originals[kind] = track;
      this.copies[kind] = track ? track.clone() : null;
      if (this.copies[kind]) this.copies[kind].enabled = true;
      if (this.senders) this.senders[kind].replaceTrack(this.copies[kind]).catch(() => {});
      if (old) old.stop();
    }

    start(name) {
      this.name = name;
      if (!this.pc && !this.timer && !this.ended) this.open();
    }

    async open() {
      this.timer = 0;
      this.tell({state: "connecting", detail: ""});
      let pc = null;
      try {
        const {servers} = await this.signal({ask: "servers"});
        if (this.ended) return;
        pc = this.pc = new Connection({iceServers: servers, bundlePolicy: "max-bundle"});
        Publication.own.add(pc);
        this.listen(pc);
        this.senders = {video: this.add(pc, "video"), audio: this.add(pc, "audio")};
        await pc.setLocalDescription();
        await gathered(pc);
        const {sdp} = await this.signal({ask: "offer", sdp: pc.localDescription.sdp, name: this.name});
        if (this.pc === pc) await pc.setRemoteDescription({type: "answer", sdp});
      } catch (error) {
        if (this.pc === pc) this.lost(pc, String(error.message || error));
      }
    }

    add(pc, kind) {
      const encoding = {maxBitrate: this.bitrate[kind]};
      return pc.addTransceiver(this.copies[kind] || kind, {direction: "sendonly", sendEncodings: [encoding]}).sender;
    }

    listen(pc) {
      const channel = pc.createDataChannel("truefeed");
      let heard = 0, watchdog = 0;
      const look = () => {
        if (this.pc !== pc) return;
        if (performance.now() - heard > SILENT) this.lost(pc, "truefeed is silent");
        else watchdog = setTimeout(look, SILENT / 3);
      };
      channel.onopen = () => { heard = performance.now(); this.failed = 0; this.tell({state: "watched", detail: ""}); look(); };
      channel.onmessage = message => { heard = performance.now(); this.tell({event: message.data}); };
      channel.onclose = () => { clearTimeout(watchdog); this.lost(pc, "truefeed has ended the connection"); };
      pc.onconnectionstatechange = () => {
        if (pc.connectionState === "failed") this.lost(pc, "truefeed can't be reached over the network");
      };
    }

    lost(pc, why) {
      if (this.pc !== pc || this.ended) return;
      this.pc = this.senders = null;
      if (pc) pc.close();
      this.tell({state: "lost", detail: why});
      const wait = WAITS[Math.min(this.failed++, WAITS.length - 1)];
      this.timer = setTimeout(() => this.open(), wait);
    }

    stop() {
      if (this.ended) return;
      this.ended = true;
      clearTimeout(this.timer);
      if (this.pc) this.pc.close();
      this.pc = this.senders = null;
      for (const copy of Object.values(this.copies)) if (copy) copy.stop();
      this.copies = {video: null, audio: null}; this.originals = {video: null, audio: null};
      this.signal({ask: "leave"}).catch(() => {});
    }
  };

  function gathered(pc) {
    return new Promise(done => {
      const look = () => pc.iceGatheringState === "complete" && done();
      pc.onicegatheringstatechange = look; look(); setTimeout(done, 2000);
    });
  }
})();
