"""From what a request looks like to the numbers a policy sees.

`TextFeatures` is what applications use.  `shape` counts (always there), `content` hashes words (only where a tenant
has opted in), `numbers` scales numeric columns.  All are pure and give the same bits on every machine.
"""

from .numbers import NumberFeatures
from .text import CONTENT_DIMENSIONS, Feature, TextFeatures

__all__ = ["CONTENT_DIMENSIONS", "Feature", "NumberFeatures", "TextFeatures"]
