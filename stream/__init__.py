"""The live core: from a camera, a stream, a call or a file to a verdict and an alert.

Rooms, from what is used to what uses it: `screen` speaks to the screen; `audio`, `sources`, `config` and `faces`
stand on `types` and `errors`; `scoring` makes verdicts; `sinks` take them away; `scan` judges files and `webrtc`
receives calls; `open` turns a word of the command line into a source; `live` runs them all at once; `commands` is what
a person types.
"""
