"""Parametric chairs, tables, sofas and cars, and a small renderer for them.

Metres; x points right, y to the back, z up. A piece stands on the floor z = 0 and faces the viewer,
-y.
"""
