"""Laws of captions: true and exact, of the right length, various, and English."""

from __future__ import annotations

import re
import subprocess
import sys
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.language.conftest import face_record
from unif2ace.data.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.language import Caption, compose_caption, write_caption

STYLES = ("dense", "short")


@pytest.fixture(scope="module")
def dense(faces: list[AttributeRecord]) -> list[Caption]:
    return [compose_caption(record, seed) for seed, record in enumerate(faces)]


@pytest.fixture(scope="module")
def short(faces: list[AttributeRecord]) -> list[Caption]:
    return [compose_caption(record, seed, "short") for seed, record in enumerate(faces)]
