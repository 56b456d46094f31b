"""Edge cases of signatures, made by vectors/make_signatures.py with cryptography as the judge."""

from binascii import unhexlify

from cx import p256, rsa
from cx.errors import CxError
from support import vector


def verdict(verify, *arguments) -> bool:
    try:
        return verify(*arguments)
    except CxError:
        return False


def test_p256():
    cases = vector("ecdsa_p256_edge")
    message = unhexlify(cases["message"])
    for case in cases["cases"]:
        key, signature = unhexlify(case["key"]), unhexlify(case["signature"])
        assert verdict(p256.verify, key, message, signature) == case["valid"], case


def test_rsa():
    cases = vector("rsa_pkcs1_edge")
    message = unhexlify(cases["message"])
    for case in cases["cases"]:
        modulus, signature = unhexlify(case["modulus"]), unhexlify(case["signature"])
        assert verdict(rsa.verify, modulus, case["exponent"], message, signature) == case["valid"], case
