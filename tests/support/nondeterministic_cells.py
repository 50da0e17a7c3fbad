"""The pictures of assignment 3 that show how long something took: no two runs draw the same."""

TIMED = ("picture-patch_by_patch", "picture-saved")
