// What is known of one participant: takes truefeed's events, and says what to show.
var truefeed = globalThis.truefeed ||= {};
truefeed.Participant ||= (() => {
  const FRESH = 3000;  // a verdict is shown for so long, ms
  const MINUTE = 60;  // columns of the sparkline, one a second
  const {word, percent, why} = truefeed.words;

  return class Participant {
    constructor(key, name) {
      this.key = key; this.name = name; this.state = "connecting"; this.detail = "";
      this.camera = true; this.verdict = null; this.seen = 0; this.figures = ""; this.alerts = [];
      this.columns = new Map();  // second -> [worst probability of it, its status]
    }

    // `news` is {state, detail} of the connection or {event} from truefeed, as text.
    take(news, now = Date.now()) {
      if (news.state) {
        this.state = news.state; this.detail = news.detail || "";
        if (news.state !== "watched") this.verdict = null;
        return;
      }
      const event = parsed(news.event);
      if (event.event === "verdict") this.judged(event, now);
      else if (event.event === "alert") this.alert(event, now);
      else if (event.event === "stats") this.figures = figures(event);
      else if (event.event === "stream") {
        this.camera = event.state !== "stalled";
        if (!this.camera) this.verdict = null;
      }
    }

    judged(event, now) {
      this.verdict = event; this.seen = now; this.camera = true;
      const second = Math.floor(now / 1000), column = this.columns.get(second);
      if (typeof event.fake === "number" && !(column && column[0] > event.fake)) this.columns.set(second, [event.fake, event.status]);
      for (const old of this.columns.keys()) if (old <= second - MINUTE) this.columns.delete(old);
    }

    alert(event, now) {
      const {subject, probability, raised} = event;
      if (raised) this.alerts.unshift({subject: String(subject), probability, at: now, open: true});
      else for (const alert of this.alerts) if (alert.subject === subject) alert.open = false;
      this.alerts.length = Math.min(this.alerts.length, 20);
    }

    get alarmed() { return this.alerts.some(alert => alert.open); }

    // tone is real, uncertain, fake or nothing; the rest is to be read.
    shown(now = Date.now()) {
      const open = this.alerts.find(alert => alert.open);
      if (this.state === "lost") return {tone: "", word: "Not watched", figure: "", why: this.detail};
      if (this.state === "connecting") return {tone: "", word: "Connecting", figure: "", why: ""};
      if (!this.camera) return {tone: "", word: "No picture", figure: "", why: "camera off"};
      if (!this.verdict || now - this.seen > FRESH) return {tone: "", word: "Watching", figure: "", why: "no verdict yet"};
      const {status, fake, reasons} = this.verdict;
      const said = open ? `alert: ${open.subject}` : why(reasons || []);
      return {tone: status, word: word(status), figure: typeof fake === "number" ? `${percent(fake)} fake` : "", why: said};
    }

    snapshot(now = Date.now()) {
      const last = Math.floor(now / 1000), line = [];
      for (let second = last - MINUTE + 1; second <= last; second++) line.push(this.columns.get(second) || null);
      const voice = this.verdict ? this.verdict.voice : null;
      const faces = this.verdict ? this.verdict.faces.length : 0;
      return {key: this.key, name: this.name, state: this.state, detail: this.detail, ...this.shown(now), voice, faces,
        line, alerts: this.alerts, alarmed: this.alarmed, figures: this.figures};
    }
  };

  function parsed(text) {
    try {
      const event = JSON.parse(text);
      return event && typeof event === "object" ? event : {};
    } catch { return {}; }
  }

  function figures(event) {
    return [
      event.width ? `${event.width} x ${event.height} ${event.codec}` : "",
      event.bitrate_kbps ? `${Math.round(event.bitrate_kbps)} kbit/s` : "",
      typeof event.loss === "number" ? `${(100 * event.loss).toFixed(1)}% lost` : "",
    ].filter(Boolean).join("  ·  ");
  }
})();
