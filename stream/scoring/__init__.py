"""From faces and speech to a verdict and an alert.

`analyzer` goes frame by frame with what `models` holds: `sampling` says which frames, `face_scorer` and
`synthetic_scorer` score them, `window` keeps and `smoothing` weighs the scores, `fusion` joins face and voice, `alarm`
decides over time, and `aggregate` and `summary` judge a whole file.
"""
