"""Puts this folder's judges where its tests import them from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
