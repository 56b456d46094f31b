"""The host's own CTR_DRBG against the vectors of NIST and of the CX specification."""

import json
from pathlib import Path

import pytest

from cxhost.drbg import CtrDrbg, contact_ids, preseed_len, seed_value

VECTORS = Path(__file__).parents[1] / "vectors"


def load(name: str) -> dict:
    return json.loads((VECTORS / f"{name}.json").read_text())


def test_nist_vectors():
    tests = load("nist_ctr_drbg_sample")["tests"]
    assert len(tests) >= 8
    assert {test["keyBits"] for test in tests} == {128, 256}
    for test in tests:
        entropy, nonce, text = (
            bytes.fromhex(test[k]) for k in ("EntropyInput", "Nonce", "PersonalizationString")
        )
        drbg = CtrDrbg(test["keyBits"], entropy, nonce, text)
        length = test["ReturnedBitsLen"] // 8
        drbg.generate(length)
        assert drbg.generate(length).hex() == test["ReturnedBits"]


def test_cx_seed_calculator_vectors():
    for vector in load("cx_spec")["seed_calculators"]:
        preseed, spki = bytes.fromhex(vector["preseed"]), bytes.fromhex(vector["spki"])
        assert seed_value(vector["type"], preseed, spki).hex() == vector["seed"]


def test_cx_generator_vectors():
    for vector in load("cx_spec")["generators"]:
        identifiers = contact_ids(vector["type"], bytes.fromhex(vector["seed"]), vector["count"])
        assert identifiers[0].hex() == vector["first_id"]
        assert identifiers[-1].hex() == vector["last_id"]


def test_libcx_samples_seed_values():
    index = json.loads((VECTORS / "samples" / "index.json").read_text())
    for report in index["seed_reports"]:
        for one in report["descriptors"]:
            preseed, spki = bytes.fromhex(one["preseedValue"]), bytes.fromhex(one["spki"])
            assert seed_value(one["generatorType"], preseed, spki).hex() == one["seedValue"]


@pytest.mark.parametrize("length", [0, -1, 65537])
def test_request_length_is_checked(length):
    with pytest.raises(ValueError, match="length"):
        CtrDrbg(128, bytes(16), bytes(8)).generate(length)


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="key_bits"):
        CtrDrbg(192, bytes(16), bytes(8))
    with pytest.raises(ValueError, match="generator type is 3"):
        preseed_len(3)
    with pytest.raises(ValueError, match="23 bytes: type 1 takes 24"):
        seed_value(1, bytes(23), b"")
    with pytest.raises(ValueError, match="2048"):
        contact_ids(1, bytes(24), 2049)
