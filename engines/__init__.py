"""Runtimes behind one small protocol. A leaf: imports nothing else of truefeed."""

from .base import WEIGHTS, Engine, EngineError, load
from .card import Card

__all__ = ["WEIGHTS", "Card", "Engine", "EngineError", "load"]
