"""Notebooks as scripts: converted, linted, kept without outputs, run from top to bottom.

`reading` finds and reads a notebook, `plain` turns each cell into Python line by line, `script` joins the cells and
remembers where each line came from, `lint` asks ruff about all scripts at once, `excuses` takes back what only the
conversion caused. `outputs` and `running` look at what the cells printed, and do.
"""
