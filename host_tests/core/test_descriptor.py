"""Publisher descriptors: every rule, and the property named in the error."""

import json

import documents as d
from cx import descriptor
from cx.errors import CxError, FormatError, NotSupportedError, RefusedError
from support import raises

URL = "https://health.example/cx.json"


def good(**changes) -> dict:
    members = {
        "url": URL,
        "cert": d.publisher_pem("p256"),
        "name": "Health",
        "report": "https://health.example/report",
        "pub": "http://cdn.example:8080/pub/full",
        "pubs": [{"zone": URL, "url": "http://cdn.example/pubs/1"}],
    }
    members.update(changes)
    return members


def refused(members: object, error: type = FormatError) -> str:
    """Return the property that the error names."""
    return str(raises(error, descriptor.check, json.dumps(members))).split(":")[0]


def test_good_descriptors():
    assert descriptor.check(json.dumps(good())) == good()
    full = good(
        logo="https://health.example/logo.svg?v=1",
        upstream="https://federal.example/cx.json",
        downstream=["https://district.example/cx.json"],
        cert=d.publisher_pem("rsa2048"),
        pubs=[],
    )
    assert descriptor.check(json.dumps(full).encode()) == full
    for url in ("https://[2001:db8::1]:8443/cx", "HTTPS://health.example", "https://h.example./a?b=%20"):
        assert descriptor.check(json.dumps(good(url=url)))["url"] == url


def test_every_required_property():
    for name in ("url", "cert", "name", "report", "pub", "pubs"):
        members = good()
        del members[name]
        assert refused(members) == name


def test_no_other_property():
    assert refused(good(peers=[])) == "peers"
    assert refused(good(URL=URL)) == "URL"


def test_types():
    for name in ("url", "cert", "name", "report", "pub", "pubs", "logo", "upstream", "downstream"):
        for value in (None, 1, True, {}):
            assert refused(good(**{name: value})) == name
    assert refused(good(pubs="x")) == "pubs"
    assert refused(good(name=["Health"])) == "name"
    for members in ([], "x", 1, None):
        assert refused(members) == "descriptor"


def test_names_must_not_be_blank():
    for name in ("", " ", "\t\n", "\u3000" if "\u3000".strip() == "" else " "):
        assert refused(good(name=name)) == "name"


def test_urls():
    for name, plain in (
        ("url", False),
        ("report", False),
        ("upstream", False),
        ("pub", True),
        ("logo", True),
    ):
        for bad in (
            "",
            "health.example/x",
            "//health.example/x",
            "/x",
            "ftp://health.example/x",
            "https:/health.example",
            "https:health.example",
            "https://",
            "https:///x",
            "https://?x",
            "https://user@health.example/",
            "https://health.example/#part",
            "https://health.example/a b",
            "https://health.example/\u00e9",
            "https://health.example:99999/",
            "https://health.example:x/",
            "https://health.example:/",
            "https://-health.example/",
            "https://health..example/",
            "https://[::1/",
            "https://h\\ealth.example/",
            "https://health.example/\n",
            " https://health.example/",
        ):
            assert refused(good(**{name: bad})) == name, bad
        if plain:
            assert descriptor.check(json.dumps(good(**{name: "http://health.example/x"})))
        else:
            assert refused(good(**{name: "http://health.example/x"})) == name


def test_lists_name_the_entry():
    assert refused(good(pubs=[{"zone": URL}])) == "pubs[0]"
    assert refused(good(pubs=[{"zone": URL, "url": URL, "x": 1}])) == "pubs[0]"
    assert refused(good(pubs=[{"zone": "http://h.example/", "url": URL}])) == "pubs[0].zone"
    assert refused(good(pubs=[{"zone": URL, "url": "x"}])) == "pubs[0].url"
    assert refused(good(pubs=[{"zone": URL, "url": URL}, {"zone": URL, "url": URL}])) == "pubs[1].zone"
    assert refused(good(pubs=[URL])) == "pubs[0]"
    assert refused(good(downstream=[URL, "http://h.example/"])) == "downstream[1]"


def test_certificates():
    pem = d.publisher_pem("p256")
    for bad in ("", "x", pem + pem, pem.replace("M", "!"), pem[:200] + pem[204:]):
        assert refused(good(cert=bad)) == "cert"


def test_a_certificate_whose_key_could_never_verify():
    from binascii import b2a_base64

    from cx import der

    ed25519 = d.sequence((d.algorithm(b"\x2b\x65\x70"), der.encode(3, bytes(33))))
    text = b2a_base64(d.certificate(spki=ed25519)).decode()
    pem = "-----BEGIN CERTIFICATE-----\n" + text + "-----END CERTIFICATE-----\n"
    assert refused(good(cert=pem), NotSupportedError) == "cert"


def test_the_url_is_the_identity():
    text = json.dumps(good())
    assert descriptor.check(text, URL)["url"] == URL
    error = raises(RefusedError, descriptor.check, text, "https://old.example/cx.json")
    assert error.reason == "url" and str(error).startswith("url: ")


def test_json_that_is_not_strict():
    text = json.dumps(good())
    for bad in (
        text + "x",
        text[:-1],
        text.replace('"name"', '"url"'),
        "{" + text[1:].replace(", ", " ", 1),
        "",
    ):
        raises(CxError, descriptor.check, bad)
