"""WebRTC: truefeed as a peer that only receives. One event loop in one thread; results leave it as a source's items."""
