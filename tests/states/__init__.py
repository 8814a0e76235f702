"""States that released versions have saved. Every later version must load them, and finish what they began.

    python -m tests.states

writes those of the present version into the folder of its number, the same bytes each time. A folder of a version that
has been released is never written again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
