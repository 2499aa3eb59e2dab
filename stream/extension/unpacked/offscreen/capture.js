// Passes a tab on to truefeed as one participant, and its sound on to whoever sits before the screen.
const {streamId, tab, title} = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const one = new truefeed.Participant("tab", title);
const port = chrome.runtime.connect({name: "capture"});
const BITRATE = {video: 6000000, audio: 128000};  // of many people at most, bit/s
const waiting = new Map();
let questions = 0;

port.onMessage.addListener(({answer, error, ...rest}) => {
  const question = waiting.get(answer);
  waiting.delete(answer);
  if (question) error ? question.failed(new Error(error)) : question.done(rest);
});

function signal(question) {
  return new Promise((done, failed) => {
    waiting.set(++questions, {done, failed});
    port.postMessage({question: questions, person: "tab", ...question});
  });
}

function report() { port.postMessage({tab: Number(tab), people: [one.snapshot()]}); }

async function start() {
  const from = {chromeMediaSource: "tab", chromeMediaSourceId: streamId};
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {mandatory: from}, video: {mandatory: {...from, maxWidth: 1920, maxHeight: 1080, maxFrameRate: 15}},
  });
  // A captured tab falls silent for the user: what was heard before is to be heard now.
  const sound = new AudioContext();
  if (stream.getAudioTracks().length) sound.createMediaStreamSource(stream).connect(sound.destination);
  const publication = new truefeedPublication(signal, news => one.take(news), BITRATE);
  for (const track of stream.getTracks()) {
    publication.set(track.kind, track);
    track.onended = () => { publication.stop(); close(); };
  }
  publication.start(title);
  setInterval(report, 1000);
}

start().catch(error => { one.take({state: "lost", detail: `the tab could not be captured: ${error.message}`}); report(); });
