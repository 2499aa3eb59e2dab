"""Many files on many machines, by Ray: `connection` is the door to a cluster, `run` one pass of Ray Data over files
with `judge` on every core, `scan` what makes of such passes exactly one result a file. `host` judges there
one file at a time for a server.

A node needs the same truefeed as whoever asks; the models that are named go with the question.
"""
