"""Where verdicts and alerts go: `console`, `jsonl`, `webhook`, `prometheus`, `evidence`, `display` and `video_file`.

`overlay` draws them on the picture, with `drawing`, `overlay_labels` and `overlay_timeline`; `text` puts them in words.
"""
