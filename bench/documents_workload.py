"""What ``bench/documents.py`` has MicroPython do: ``documents_workload.py LIB SAMPLES TASK COUNT``.

Prints JSON: the seconds that COUNT times TASK took.
"""

import json
import sys
import time


def prepared(samples: str, task: str):  # noqa: ANN201  a callable: MicroPython has no typing
    """Return the task as a function without arguments."""
    from cx import p256, publication, rsa, x509

    key = bytes(range(1, 33))  # a test key
    if task == "sign P-256":
        return lambda: p256.sign(key, b"message")
    if task == "verify P-256":
        public, signature = p256.public_key(key), p256.sign(key, b"message")
        return lambda: p256.verify(public, b"message", signature)
    with open(samples + "/publisher_rsa2048.pem") as file:
        certificate = x509.from_pem(file.read())
    if task == "verify RSA-2048":
        exponent, modulus = x509.public_key(certificate)
        with open(samples + "/publication_rsa2048_full.der", "rb") as file:
            document = file.read()
        # the signed attributes, as the SET OF that openssl signed, and the signature at the end
        message, signature = b"\x31" + document[1435:1665], document[-256:]
        return lambda: rsa.verify(modulus, exponent, message, signature)
    stream = open(samples + "/publication_rsa2048_20000_seeds.der", "rb")  # noqa: SIM115  until the process ends
    if task == "verify publication":
        return lambda: publication.verify(stream, certificate)
    header = publication.verify(stream, certificate)
    return lambda: sum([1 for _ in publication.notifications(stream, header)])


def main(arguments: list) -> None:
    """Do the task and print the time."""
    sys.path.insert(0, arguments[0])
    task = prepared(arguments[1], arguments[2])
    start = time.ticks_us()
    for _ in range(int(arguments[3])):
        task()
    print(json.dumps({"seconds": time.ticks_diff(time.ticks_us(), start) / 1e6}))


main(sys.argv[1:])
