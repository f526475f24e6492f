"""`science` inside a component's snapshot: only the modules its step imports, which lie beside this folder.

Azure ML copies each of a component's `additional_includes` to the root of the snapshot, never into a folder.
"""

from pathlib import Path

__path__.append(str(Path(__file__).parents[1]))
