"""`truefeed.client`, the short name of `truefeed.stream.client`."""

from truefeed.stream.client import AsyncClient, Client, Scan, ServerError

__all__ = ["AsyncClient", "Client", "Scan", "ServerError"]
