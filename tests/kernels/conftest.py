"""Kernels compile on their first call, which is no sign of a slow one: examples have no deadline."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")
