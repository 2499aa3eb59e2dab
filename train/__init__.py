"""Making and measuring the models, with torch and with the live core's own preprocessing.

Rooms, from what is used to what uses it: `common`, `data`, `eval` and `face`, `synthetic` and `voice`,
and `recipe`, which makes a model of a user's own data with them.
"""
