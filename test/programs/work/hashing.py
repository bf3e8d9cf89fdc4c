"""Hashes of every algorithm that hashlib has, checksums, packers, on the file that is given."""
import binascii, bz2, hashlib, hmac, lzma, sys, zlib

data = open(sys.argv[1], "rb").read()[:200000]
for name in sorted(hashlib.algorithms_guaranteed):
    for n in (0, 1, 55, 56, 64, 111, 112, 127, 128, 129, 4096, len(data)):
        h = hashlib.new(name, data[:n])
        print(name, n, h.hexdigest(32) if name.startswith("shake") else h.hexdigest())
for module in ("_md5", "_sha1", "_sha256", "_sha512", "_sha3", "_blake2"):
    m = __import__(module)
    for f in sorted(x for x in dir(m) if x[0].islower() and callable(getattr(m, x))):
        print(module, f, getattr(m, f)(data[:30001]).hexdigest(*([24] if "shake" in f else [])))
print(hmac.new(b"key", data, "sha3_512").hexdigest(), hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 3000).hex())
print(hashlib.blake2b(data, key=b"k" * 64, salt=b"s" * 16, person=b"p" * 16, digest_size=40, fanout=2, depth=3).hexdigest())
print(hashlib.scrypt(b"secret", salt=b"salt", n=256, r=4, p=2).hex())
print(zlib.crc32(data), zlib.adler32(data), binascii.crc_hqx(data, 7), binascii.b2a_base64(data[:333]), hash((1, 2.5, "x")), hash(data))
text = b"".join(b"%d %x\n" % (i * i, i) for i in range(6000))
for level in (1, 6, 9):
    packed = zlib.compress(text, level)
    print("zlib", level, len(packed), hashlib.sha1(packed).hexdigest(), zlib.decompress(packed) == text)
for f in (bz2.compress(text), lzma.compress(text, preset=1)):
    print(len(f), hashlib.sha1(f).hexdigest())
