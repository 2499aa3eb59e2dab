"""What each command shows under its options."""

from __future__ import annotations

WATCH = """\
examples:
  truefeed watch demo --overlay window           a clip that is genuine at first, then manipulated
  truefeed watch 0 --mic --overlay window        the first camera with the default microphone
  truefeed watch rtsp://user:password@host/live --json
  truefeed watch call.mp4 --pace fast --overlay seen.mp4
  truefeed watch --config streams.yaml           several streams, one model

Ctrl-C ends it at any moment and prints the summary. Data goes to stdout (--json), words to stderr.
exit codes: 0 done or stopped by hand, 1 some source failed, 2 usage, 3 alert raised and --fail-on-alert given."""

SERVE = """\
examples:
  truefeed serve                                 then open http://localhost:5000
  truefeed serve --data /srv/truefeed --keep 7   another folder; media are kept for a week
  truefeed serve --add-user ann:admin            asks for a password; from then on one has to sign in
  TRUEFEED_TOKEN=... truefeed serve --host 0.0.0.0 --certificate server.pem

Without a user or a token the server answers programs and pages of this machine only. By default a file is deleted as
soon as it was judged; what was found stays until it is deleted.

A browser, OBS or GStreamer publishes by WHIP to /whip/NAME; each publisher is judged as a participant."""

EXTENSION = """\
examples:
  truefeed extension --out truefeed-extension    then load that folder in chrome://extensions

It watches calls in Google Meet, Microsoft Teams, Zoom, Jitsi and Whereby by itself and on other pages after a click,
and has them judged by `truefeed serve` on this machine."""

SCAN = """\
examples:
  truefeed scan interview.mp4
  truefeed scan evidence/ --json > results.jsonl
  truefeed scan evidence/ --report results.html --csv results.csv --jobs 4
  truefeed scan archive/ --resume results.jsonl   interrupted, the same command goes on
  truefeed scan portrait.jpg --explain heatmaps/ --report portrait.html
  truefeed scan https://example.org/interview.mp4
  ffmpeg -i rtsp://HOST/live -t 10 -c copy -f matroska - | truefeed scan -
  truefeed scan s3://bucket/folder --cluster ray://HOST:10001 --resume results.jsonl
  truefeed scan -- -odd-name.mp4                 a name that starts with a dash

Files are told apart by content, not by name. In a folder, hidden files and what is no media are left out.
exit codes: 0 done, 1 some file failed, 2 usage."""
