"""Several sources at once: `pipeline` takes one from capture to sinks, `supervisor` opens, steps and closes them all.

`room` is the protocol of what gives a source for each participant; `outputs` makes the sinks of a run.
"""
