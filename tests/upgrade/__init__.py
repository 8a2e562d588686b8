"""Databases of released versions, and what becomes of them when they are upgraded.

`python -m tests.upgrade VERSION` makes the two dumps of a version from the code at hand: the demo, `rows` and
`scenes`. `test_upgrade` carries every dump that lies here to the head.
"""
