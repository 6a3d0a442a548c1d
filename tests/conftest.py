"""Shared by all tests. Two workers share two cores: one thread each is faster than two."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
