"""Writes private keys into the folder that is given; they follow from nothing but this file."""
import base64, hashlib, sys

folder = sys.argv[1]


def stream(label, size):
    return hashlib.shake_256(label.encode()).digest(size)


def prime(label, bits):
    n = int.from_bytes(stream(label, bits // 8), "big") | 1 | 3 << (bits - 2)
    while not (n % 65537 != 1 and all(n % p for p in (3, 5, 7, 11, 13, 17, 19, 23)) and all(probable(n, a) for a in (2, 3, 5, 7, 11, 13, 17, 19))):
        n += 2
    return n


def probable(n, a):
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    x = pow(a, d, n)
    if x in (1, n - 1):
        return True
    for _ in range(s - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


def der(tag, body):
    n = len(body)
    length = bytes([n]) if n < 128 else (lambda b: bytes([128 + len(b)]) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + body


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


# RFC 8017, appendix A.1.2.
p, q, e = prime("p", 1024), prime("q", 1024), 65537
d = pow(e, -1, (p - 1) * (q - 1))
rsa = der(0x30, b"".join(map(integer, (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)))))
text = base64.b64encode(rsa).decode()
lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
kind = "RSA PRIVATE KEY"
open(f"{folder}/rsa.pem", "w").write(f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n")
# RFC 8410, section 7; object identifiers 1.3.101.110 to 113.
for name, last, size in (("x25519", 110, 32), ("x448", 111, 56), ("ed25519", 112, 32), ("ed448", 113, 57)):
    for suffix in ("", "-2"):
        key = der(0x30, integer(0) + der(0x30, der(6, bytes([0x2B, 0x65, last]))) + der(4, der(4, stream(name + suffix, size))))
        open(f"{folder}/{name}{suffix}.der", "wb").write(key)
print(hex(p), hex(q))
