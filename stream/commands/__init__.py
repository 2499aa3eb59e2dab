"""The commands a person types: `watch`, `serve`, `scan`, `bench` and `doctor`, and the options of each.

The command line imports the module named like the command and calls its `command(arguments)`.
"""
