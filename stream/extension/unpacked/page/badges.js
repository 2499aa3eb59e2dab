// A badge over each picture of a participant. All of them lie in one element that the page can't look into, that takes
// no clicks but on the pill, and that moves with the pictures.
var truefeed = globalThis.truefeed ||= {};
truefeed.Badges ||= (() => {
  const STYLE = `
    :host{all:initial;position:fixed;inset:0;width:100vw;height:100vh;margin:0;padding:0;border:0;background:none;overflow:hidden;pointer-events:none;z-index:2147483647}
    .badge,.pill{position:absolute;left:0;top:0;font:600 13px/1.35 system-ui,sans-serif;color:#eef1f3;background:rgba(12,16,19,.86);border-radius:7px;padding:3px 9px 3px 8px;border-left:4px solid #8d99a3;max-width:260px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;box-shadow:0 1px 4px rgba(0,0,0,.4)}
    .badge.small{font-size:11px;padding:1px 6px 1px 5px}
    .badge b{font-weight:700}.badge i{font-style:normal;font-weight:400;color:#c8d0d6}
    .real{border-color:#34d396}.real b{color:#34d396}.uncertain{border-color:#fab428}.uncertain b{color:#fab428}
    .fake{border-color:#ff6b6b}.fake b{color:#ff6b6b}.alarmed{background:rgba(96,12,12,.92)}
    .pill{left:auto;top:auto;right:12px;bottom:12px;border-radius:99px;border:1px solid #56636d;padding:3px 4px 3px 11px;pointer-events:auto;display:flex;gap:8px;align-items:center;max-width:none}
    .pill::before{content:"";width:9px;height:9px;border-radius:50%;background:#7cc4ff}
    .pill button{all:unset;cursor:pointer;border-radius:99px;background:#3a444c;padding:1px 10px}
    .pill button:hover,.pill button:focus-visible{background:#5a6771}
    @media print{:host{display:none}}`;
  const LOOK = 250;  // how often the pictures are looked for, ms
  const FOLLOW = 1000;  // a picture that moves is followed at every frame for so long after it moved, ms

  const CHANGES = [[window, "scroll"], [window, "resize"], [document, "fullscreenchange"], [document, "transitionrun"]];

  return class Badges {
    // find(trackId) is the participant of a track, or nothing; stop() is called by the pill's button.
    constructor(find, stop, panel) {
      this.find = find; this.stop = stop; this.panel = panel;
      this.badges = new Map();  // video -> {element, participant, place, text}
      this.host = null; this.pill = null; this.timer = 0; this.moving = 0; this.frame = 0;
      this.look = this.look.bind(this);
      this.nudge = () => this.follow();
    }

    open() {
      if (this.host) return;
      this.host = document.createElement("truefeed-badges");
      this.root = this.host.attachShadow({mode: "closed"});
      this.root.append(Object.assign(document.createElement("style"), {textContent: STYLE}));
      this.sizes = new ResizeObserver(this.nudge);
      for (const [target, change] of CHANGES) target.addEventListener(change, this.nudge, {capture: true, passive: true});
      this.timer = setInterval(this.look, LOOK);
      this.attach(); this.look();
    }

    close() {
      if (!this.host) return;
      clearInterval(this.timer); cancelAnimationFrame(this.frame); this.frame = 0;
      this.sizes.disconnect();
      for (const [target, change] of CHANGES) target.removeEventListener(change, this.nudge, {capture: true});
      this.host.remove();
      this.badges.clear();
      this.host = this.root = this.pill = null;
    }

    // Above everything, also above what fills the screen; and again where the page has thrown it out.
    attach() {
      const parent = document.body || document.documentElement;
      if (parent && this.host.parentNode !== parent) parent.append(this.host);
      if (!this.host.isConnected || !this.host.showPopover) return;
      const front = document.fullscreenElement;
      if (front === this.front && this.host.matches(":popover-open")) return;
      this.front = front;
      this.host.popover = "manual";
      try {
        if (this.host.matches(":popover-open")) this.host.hidePopover();
        this.host.showPopover();
      } catch { /* the element still lies over the page */ }
    }

    // The pill says that this page is watched; null takes it away.
    say(text) {
      if (!this.host) return;
      if (text === null) { if (this.pill) this.pill.remove(); this.pill = null; return; }
      if (!this.pill) {
        this.pill = Object.assign(document.createElement("div"), {className: "pill"});
        const [words, button] = [document.createElement("span"), document.createElement("button")];
        button.textContent = "Stop";
        button.addEventListener("click", event => { if (event.isTrusted) this.stop(); });
        words.addEventListener("click", event => { if (event.isTrusted) this.panel(); });
        words.style.cursor = "pointer";
        this.pill.append(words, button); this.root.append(this.pill);
      }
      if (this.pill.firstChild.textContent !== text) this.pill.firstChild.textContent = text;
    }

    look() {
      this.attach();
      const there = new Set();
      for (const video of document.getElementsByTagName("video")) {
        const participant = this.shows(video);
        if (!participant) continue;
        there.add(video);
        if (!this.badges.has(video)) {
          const element = Object.assign(document.createElement("div"), {className: "badge"});
          element.append(document.createElement("b"), document.createElement("i"));
          this.root.append(element);
          this.badges.set(video, {element, place: "", text: ""});
          this.sizes.observe(video);
        }
        const badge = this.badges.get(video);
        badge.participant = participant;
        participant.video = video;
        this.write(badge);
      }
      for (const [video, badge] of this.badges) if (!there.has(video)) {
        badge.element.remove(); this.badges.delete(video); this.sizes.unobserve(video);
      }
      if (this.settle()) this.follow();
    }

    // Say at once what has just become known of a participant.
    tell(participant) {
      for (const badge of this.badges.values()) if (badge.participant === participant) this.write(badge);
    }

    shows(video) {
      if (!(video.srcObject instanceof MediaStream)) return null;
      for (const track of video.srcObject.getVideoTracks()) {
        const participant = this.find(track.id);
        if (participant) return participant;
      }
      return null;
    }

    write(badge) {
      const {tone, word, figure, why} = badge.participant.shown(), alarmed = badge.participant.alarmed ? "alarmed" : "";
      const text = [tone, word, figure, why, alarmed].join("|");
      if (text === badge.text) return;
      badge.text = text;
      const small = badge.element.classList.contains("small") ? "small" : "";
      badge.element.className = ["badge", tone, alarmed, small].filter(Boolean).join(" ");
      badge.element.firstChild.textContent = figure ? `${word} \u00b7 ${figure}` : word;
      badge.element.lastChild.textContent = why ? ` \u00b7 ${why}` : "";
    }

    // Put each badge where its picture is now; true where one has moved.
    settle() {
      let moved = false;
      for (const [video, badge] of this.badges) {
        const {left, top, width, height} = video.getBoundingClientRect();
        const hidden = width < 40 || height < 30 || !video.checkVisibility({visibilityProperty: true, opacityProperty: true});
        const place = hidden ? "hidden" : `${Math.round(left)},${Math.round(top)},${Math.round(width)}`;
        if (place === badge.place) continue;
        moved = badge.place !== "";
        badge.place = place;
        const style = badge.element.style;
        style.display = hidden ? "none" : "";
        style.transform = `translate(${Math.round(left) + 6}px,${Math.round(top) + 6}px)`;
        style.maxWidth = `${Math.max(40, Math.round(width) - 28)}px`;
        badge.element.classList.toggle("small", width < 240);
      }
      return moved;
    }

    follow() {
      this.moving = performance.now() + FOLLOW;
      if (this.frame || !this.host) return;
      const step = () => {
        this.frame = 0;
        if (!this.host) return;
        if (this.settle()) this.moving = performance.now() + FOLLOW;
        if (performance.now() < this.moving) this.frame = requestAnimationFrame(step);
      };
      this.frame = requestAnimationFrame(step);
    }
  };
})();
