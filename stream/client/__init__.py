"""A client of the HTTP interface of `truefeed serve`: submit files and addresses, wait, read what was found.

`Client` blocks, `AsyncClient` is awaited; both have the same methods. What cannot be done raises `ServerError`, whose
`kind` is the word of the problem details. Needs httpx: pip install 'truefeed[client]'.
"""

from .answers import Scan, ServerError
from .awaited import AsyncClient
from .blocking import Client

__all__ = ["AsyncClient", "Client", "Scan", "ServerError"]
