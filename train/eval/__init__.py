"""Measuring the whole system on labelled files: `evaluate` is the command, `calibrate` fits what it observed.

`observe` notes what the live core says of a file and `run` does so for many; `replay` decides anew from the notes,
`assess` counts, `plots` and `result_card` show. `recompress` codes files as calls are coded.
"""
