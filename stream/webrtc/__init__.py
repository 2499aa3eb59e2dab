"""WebRTC: truefeed as a peer that only receives. One event loop in one thread; results leave it as a source's items.

Ways in: `whep` (subscribe), `whip` and `server` (publishers come, and a page), `janus` and `livekit` (rooms). `peer` is
one connection: `track` takes its packets, `frame_queue` and `reader` hand frames and audio on, `recorder` keeps them as
coded. Only `aiortc_hooks` touches private parts of aiortc and aioice.
"""
