"""Masters to notebooks to releases: everything a student gets is derived here, by allowlist."""
