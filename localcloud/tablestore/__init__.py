"""Tablestore: wide-column tables, with the service's own wire protocol."""

from localcloud.tablestore.service import TablestoreService
from localcloud.tablestore.store import Tablestore

__all__ = ["Tablestore", "TablestoreService"]
