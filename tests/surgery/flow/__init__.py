"""Tests of sb3_prune.surgery.flow."""

import pytest

pytest.register_assert_rewrite("surgery.flow.tiny")
