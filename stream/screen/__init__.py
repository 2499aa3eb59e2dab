"""What runs beside truefeed in processes of their own, because it speaks to the screen.

The wheels of PyAV, OpenCV and Qt each carry their own libraries of X, which clash in one process; and a screen that
goes away ends whoever speaks to it. `target` says what is watched, `grabber` is the program that gives its pictures,
`x11_windows` finds windows and what hides them, and `messages` is how it tells. `overlay` is the program that draws
over the screen, `overlay_layout` says where.
"""
