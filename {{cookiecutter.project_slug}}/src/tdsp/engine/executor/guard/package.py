"""Stands before an installer's package while a step runs: `import` finds the real one, `python -m` the guard's."""

# It stands in the way of every installer: it must import next to nothing.
# ruff: noqa: PTH100, PTH120

import importlib.machinery
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_rest = [place for place in sys.path if os.path.abspath(place or ".") != os.path.dirname(_here)]
_spec = importlib.machinery.PathFinder.find_spec(__name__, _rest)
if _spec is not None and _spec.loader is not None:
    __path__ = [_here, *(_spec.submodule_search_locations or ())]
    __file__ = _spec.origin
    _spec.loader.exec_module(sys.modules[__name__])
else:

    def main(args=None):
        """Do nothing, as an installer does that is not there."""
        print(f"[tdsp] not run here: {__name__} {' '.join(args or [])}")
        return 0
