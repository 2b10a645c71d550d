"""File systems, mount targets, access rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.nas import FileStorage

READER, WRITER = "10.0.1.0/24", "10.0.9.0/24"


@pytest.fixture
def nas(tmp_path: Path) -> Iterator[FileStorage]:
    nas = FileStorage(CloudConfig(state_dir=tmp_path))
    nas.put_access_group("group")
    yield nas
    nas.close()


@pytest.fixture
def domain(nas: FileStorage) -> str:
    rules = ((READER, "RDONLY", 2), (WRITER, "RDWR", 1))
    for source, access, priority in rules:
        rule = {"sourceCidrIp": source, "rwAccessType": access, "priority": priority}
        nas.put_access_rule("group", rule)
    return nas.create_mount_target(nas.create_file_system({"protocolType": "NFS"}), "group")


def test_one_folder_seen_by_two_clients(nas: FileStorage, domain: str) -> None:
    whole = nas.resolve(f"{domain}:/", [WRITER])
    assert not whole.read_only
    (whole.path / "abc").mkdir()
    (whole.path / "abc" / "bundle").write_text("x")
    part = nas.resolve(f"{domain}:/abc", [READER])
    assert part.read_only
    assert (part.path / "bundle").read_text() == "x"
    assert (part.path / "bundle").stat().st_mode & 0o222 == 0
    # A writer can still put something beside it.
    (whole.path / "abc" / "next").write_text("y")
    (whole.path / "abc" / "next").rename(whole.path / "abc" / "bundle")
    assert (part.path / "bundle").read_text() == "y"


def test_who_may_mount(nas: FileStorage, domain: str) -> None:
    assert nas.resolve(f"{domain}:/", [READER, WRITER]).read_only
    for ranges in (["192.168.0.0/24"], [READER, "192.168.0.0/24"]):
        with pytest.raises(CloudError, match="no rule") as refused:
            nas.resolve(f"{domain}:/", ranges)
        assert refused.value.status == 403
    nas.put_access_group("empty")
    other = nas.create_mount_target(nas.create_file_system(), "empty")
    with pytest.raises(CloudError):
        nas.resolve(f"{other}:/")


def test_a_client_that_is_nowhere_goes_by_the_rule_for_everywhere(
    nas: FileStorage, domain: str
) -> None:
    nas.put_access_rule(
        "group", {"sourceCidrIp": "0.0.0.0/0", "rwAccessType": "RDONLY", "priority": 9}
    )
    assert nas.resolve(f"{domain}:/").read_only


@pytest.mark.parametrize("directory", ["", "no-slash", ":/../..", ":/a/../../b"])
def test_addresses_that_are_refused(nas: FileStorage, domain: str, directory: str) -> None:
    with pytest.raises(CloudError):
        nas.resolve(f"{domain}{directory}", [WRITER])


def test_what_is_in_use_stays(nas: FileStorage, domain: str) -> None:
    file_system = domain.partition("-")[0]
    with pytest.raises(CloudError, match="mount targets"):
        nas.delete_file_system(file_system)
    with pytest.raises(CloudError, match="uses"):
        nas.delete_access_group("group")
    nas.delete_mount_target(domain)
    with pytest.raises(CloudError):
        nas.resolve(f"{domain}:/", [WRITER])
    folder = nas.folder(file_system)
    nas.delete_file_system(file_system)
    assert not folder.exists()
    nas.delete_access_group("group")


def test_definitions_survive_a_restart(nas: FileStorage, domain: str, tmp_path: Path) -> None:
    again = FileStorage(CloudConfig(state_dir=tmp_path))
    assert again.resolve(f"{domain}:/", [WRITER]).path == nas.resolve(f"{domain}:/", [WRITER]).path
    again.close()


@pytest.mark.parametrize(
    "rule", [{"rwAccessType": "RW"}, {"priority": 0}, {"priority": 101}, {"sourceCidrIp": "x"}]
)
def test_malformed_rules(nas: FileStorage, rule: dict[str, object]) -> None:
    with pytest.raises(CloudError):
        nas.put_access_rule("group", dict(rule))
