// What is said of a verdict.
var truefeed = globalThis.truefeed ||= {};
truefeed.words ||= (() => {
  const WORD = {real: "Real", uncertain: "Unsure", fake: "Fake"};
  const REASON = {
    "no-face": "no face in the picture", "face-too-small": "the face is too small", "blurred": "blurred",
    "low-bitrate": "bit rate too low", "packet-loss": "the line loses packets", "too-short": "a few seconds more",
    "occluded": "the face is covered", "borderline": "borderline", "no-speech": "no speech", "not-speech": "not speech",
    "music": "music", "noise": "noise", "clipped": "clipped sound", "narrow-line": "telephone line",
  };
  return {
    word: status => WORD[status] || "",
    percent: p => p === null || p === undefined ? "" : `${Math.min(99, Math.max(1, Math.round(100 * p)))}%`,
    why: reasons => reasons.map(reason => REASON[reason] || reason).join(", "),
  };
})();
