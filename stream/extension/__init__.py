"""The browser extension: Manifest V3 files in `unpacked/`, and the way to write them into a folder.

`unpacked/page/` runs in the pages of calls (`tracks.js` in their own world, the rest beside it), `unpacked/worker/`
is the service worker, `unpacked/panel/` the side panel, `unpacked/offscreen/` captures a tab, and `unpacked/shared/`
serves several of them. No build step.
"""
