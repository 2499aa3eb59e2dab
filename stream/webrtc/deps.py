"""The one place that imports aiortc and aiohttp. Where they are absent, the first use says what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError

if TYPE_CHECKING:
    import aiohttp as aiohttp
    import aiortc as aiortc
    from aiohttp import web as web
    from aioice.ice import StunProtocol as StunProtocol
    from aioice.ice import TransportPolicy as TransportPolicy
    from aioice.ice import relayed_candidate as relayed_candidate
    from aioice.ice import server_reflexive_candidate as server_reflexive_candidate
    from aiortc import sdp as sdp
    from aiortc.jitterbuffer import JitterBuffer as JitterBuffer
    from aiortc.mediastreams import MediaStreamError as MediaStreamError
    from aiortc.rtcicetransport import connection_kwargs as connection_kwargs
    from aiortc.rtcrtpreceiver import StreamStatistics as StreamStatistics
    from aiortc.rtp import RtcpByePacket as RtcpByePacket
    from aiortc.rtp import RtcpSrPacket as RtcpSrPacket
else:

    class _Absent:
        """Stands in for a package that is not installed."""

        def __init__(self, package: str) -> None:
            self._package = package

        def __getattr__(self, name: str) -> Any:
            raise MissingExtraError(self._package, "webrtc")

    try:
        import aiohttp
        from aiohttp import web
    except ModuleNotFoundError:
        aiohttp = web = _Absent("aiohttp")
    try:
        import aiortc
        from aioice.ice import StunProtocol, TransportPolicy, relayed_candidate, server_reflexive_candidate
        from aiortc import sdp
        from aiortc.jitterbuffer import JitterBuffer
        from aiortc.mediastreams import MediaStreamError
        from aiortc.rtcicetransport import connection_kwargs
        from aiortc.rtcrtpreceiver import StreamStatistics
        from aiortc.rtp import RtcpByePacket, RtcpSrPacket
    except ModuleNotFoundError:
        aiortc = sdp = _Absent("aiortc")
        StunProtocol = TransportPolicy = relayed_candidate = server_reflexive_candidate = connection_kwargs = aiortc
        JitterBuffer = StreamStatistics = object

        class MediaStreamError(Exception):
            """Never raised: there is nothing that could."""

        class RtcpByePacket:
            """Never seen."""

        class RtcpSrPacket:
            """Never seen."""


def check() -> None:
    """Raise MissingExtraError where one of the packages is absent."""
    _ = aiohttp.ClientSession, aiortc.RTCPeerConnection
