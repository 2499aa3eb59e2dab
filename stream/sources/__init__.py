"""Where frames and audio come from: a source for each kind of device and address, the rings behind its thread.

`base` says what a source is. `opencv` reads cameras, `libav` streams and devices, `file` files, `microphone` sound
cards, `screen` the screen; `reconnect` reopens what stalls. `container`, `decoder`, `h264_loss` and `timestamps` take a
stream apart. `capture` is the one thread of a source; `ring_buffer` holds its frames and `packet_buffer` its last
seconds as they came, for evidence.
"""

from .base import Device, Item, Reporting, Source, SourceOptions, Tally, shows_screen
from .microphone import list_microphones
from .opencv import list_cameras

__all__ = [
    "Device",
    "Item",
    "Reporting",
    "Source",
    "SourceOptions",
    "Tally",
    "list_cameras",
    "list_microphones",
    "shows_screen",
]
