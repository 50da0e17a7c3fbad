"""Many submissions side by side: on the cores of this machine, or on several machines through
Dask.
"""
