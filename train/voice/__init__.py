"""The voice model: a front end on Distill-MOS (`front`), and perceptrons on its rows (`perceptrons`).

Speech: `dataset`, `recordings`, `tts`, `vocoder_copies`, `folds`, `channels`. Trainings: `tune_front`, `interpolate`,
`nap`, `features`, `train`. Measuring: `score`, `tables`, `evaluate`, by length `by_duration`, by line `by_codec`, as an
alarm `live_engine` and `live_alarms`, on recordings that no training heard `unheard_recordings`; `recalibrate` for
those.
"""
