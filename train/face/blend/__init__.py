"""Pseudo-fakes: manipulated faces made from genuine ones, so that a model learns traces and not one generator.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, widened by donor swaps, by
re-rendered mouths and lower faces, by warped expressions, by the mouth or face of another moment, and by what trained
decoders render.
"""

from .fake import REENACTED, Fake, Subject, make, rendered, retime

__all__ = ["REENACTED", "Fake", "Subject", "make", "rendered", "retime"]
