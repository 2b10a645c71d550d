"""File storage of the local cloud: file systems as folders, reached by mount targets."""

from localcloud.nas.storage import FileStorage, Mount

__all__ = ["FileStorage", "Mount"]
