"""Files with rows and columns as people have them: read whatever Excel saved, write what Excel opens.

`reading.read(data)` turns bytes into a `Sheet`: its headings, found by `columns`, and a stream of rows with the
number each has in the file, their cells tidied by `cells`. `writing` makes CSV and XLSX that read back unchanged.
No Django models, no clock; sentences of refusal are English msgids (`Unreadable`).
"""

from __future__ import annotations
