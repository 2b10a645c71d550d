"""Container registry of the local cloud: images are pushed to it, Function Compute runs them."""

from localcloud.registry.service import Registry
from localcloud.registry.store import Image, ImageStore

__all__ = ["Image", "ImageStore", "Registry"]
