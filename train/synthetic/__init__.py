"""The model of faces that a generator rendered as a whole, in still pictures.

`dataset` reads pictures and frames, wears and cuts them; `bank` keeps the crops and what frozen trunks (`networks`) say
of them, which start from ImageNet weights or, by `from_still`, from the first still model; `reading` fits a linear
reading and tells how it does on generators that were left out. `suite` measures what was exported.
"""
