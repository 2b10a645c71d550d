"""A wrong variable is named with its value and the rule."""

from __future__ import annotations

import pytest

from functions.commander.settings import read_settings
from functions.common.settings import WrongSettings

NEEDED = {
    "TABLESTORE_ENDPOINT": "http://127.0.0.1:1",
    "TABLESTORE_INSTANCE": "agent-local",
    "OSS_ENDPOINT": "http://127.0.0.1:1",
    "RESULTS_BUCKET": "results",
    "EVENTBRIDGE_ENDPOINT": "http://127.0.0.1:1",
    "EVENT_BUS": "agent-local",
    "FC_REGION": "cn-hangzhou",
}


def test_the_least_that_is_needed() -> None:
    settings = read_settings(NEEDED)
    assert (settings.lease_ms, settings.fc_custom_listen_port) == (20_000, 9000)
    assert settings.listen_host == "0.0.0.0"
    assert not settings.has_model
    assert settings.bundle is None


def test_a_model_needs_an_endpoint_and_a_name() -> None:
    assert read_settings({**NEEDED, "MODEL_BASE_URL": "http://m/v1", "MODEL_NAME": "m"}).has_model
    assert not read_settings({**NEEDED, "MODEL_NAME": "m"}).has_model


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"RESULTS_BUCKET": ""}, "RESULTS_BUCKET must be set"),
        ({"LEASE_MS": "soon"}, "LEASE_MS, value 'soon', must be a whole number"),
        ({"LEASE_MS": "1"}, "LEASE_MS, value '1', must be from 300 to 600000"),
        ({"PUBLISH_STEPS": "yes"}, "PUBLISH_STEPS, value 'yes', must be 'true' or 'false'"),
        ({"MODEL_KEY_PARAMETER": "key"}, "OOS_ENDPOINT must be set"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(WrongSettings, match=message):
        read_settings({**NEEDED, **wrong})
