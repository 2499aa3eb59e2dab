"""Runtimes behind one small protocol. A leaf: imports nothing else of truefeed."""

from .base import WEIGHTS, Engine, EngineError
from .card import Card
from .loader import load

__all__ = ["WEIGHTS", "Card", "Engine", "EngineError", "load"]
