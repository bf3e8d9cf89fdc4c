"""Integers, floats, decimals, fractions, formatting: one line for each result. The argument: short or full."""
import array, cmath, decimal, fractions, itertools, math, random, re, struct, sys

full = sys.argv[1] == "full"
sys.set_int_max_str_digits(0)
rnd = random.Random(20221122)
floats = [0.0, -0.0, 1.0, -1.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3, 1e22, 1e23, 0.1, math.pi]
floats += [struct.unpack("<d", rnd.randbytes(8))[0] for _ in range(500 if full else 60)]
floats += [rnd.uniform(-50, 50) for _ in range(500 if full else 60)]


def show(f, *args):
    try:
        r = f(*args)
        return r.hex() if isinstance(r, float) else repr(r)
    except (ValueError, OverflowError, ZeroDivisionError, decimal.DecimalException) as e:
        return type(e).__name__


print("integers")
for bits in (8, 31, 32, 63, 64, 65, 128, 1000, 5000):
    a, b = rnd.getrandbits(bits) + 1, rnd.getrandbits(bits // 2) + 1
    print(a * b, a // b, a % b, a ** 3 % b, math.gcd(a, b), math.isqrt(a), (a << 13) ^ (a >> 7), -a // b, divmod(-a, b), a.bit_count())
print(pow(3, 10 ** 40, 2 ** 521 - 1), math.factorial(400 if full else 100), math.comb(500, 123))
print(str(2 ** (20000 if full else 3000)), int("9" * 700) ** 2)

print("functions")
one = [n for n in dir(math) if n in "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt gamma lgamma erf erfc ceil floor trunc fabs degrees radians frexp modf ulp".split()]
for name in one:
    f = getattr(math, name)
    print(name, *(show(f, x) for x in floats))
for name in "atan2 copysign fmod hypot pow remainder nextafter".split():
    f = getattr(math, name)
    print(name, *(show(f, x, y) for x, y in zip(floats, floats[7:] + floats[:7])))
for name in "exp log sqrt sin atan acosh".split():
    f = getattr(cmath, name)
    print(name, *(show(f, complex(x, y)) for x, y in zip(floats[15:60], floats[20:65])))
print(math.fsum(floats[75:]).hex(), sum(floats[75:]).hex(), math.prod(x / 10 for x in floats[75:100]).hex())

print("operators and formats")
for x, y in zip(floats, floats[3:]):
    print(repr(x), f"{x:.17e} {x:.3f} {x:g} {x:,.2f} {x:+020.6g} {x:a>30}" if abs(x) < 1e30 else f"{x:.17e} {x:g}", show(lambda: x + y), show(lambda: x * y), show(lambda: x - y), show(lambda: x / y), show(lambda: x // y), show(lambda: x % y), show(lambda: x ** 2), x < y, x == y, show(int, x), show(round, x, 2), show(float.as_integer_ratio, x))
for text in ("1e-400", "4.9406564584124654e-324", "0.1e1", "123456789012345678901234567890", "1.7976931348623158079e308", "2.2250738585072011e-308", "9007199254740993"):
    print(float(text).hex())
print(*(struct.pack(f, x).hex() for x in floats if abs(x) < 60000 for f in "<e >f <d".split()))
print(*(struct.unpack("<e", struct.pack("<H", h))[0].hex() for h in range(0, 65536, 257)))
print(array.array("f", [x for x in floats if abs(x) < 1e38]).tobytes().hex())

print("decimals and fractions")
for rounding in (decimal.ROUND_HALF_EVEN, decimal.ROUND_UP, decimal.ROUND_FLOOR):
    decimal.getcontext().prec, decimal.getcontext().rounding = 60, rounding
    a, b = decimal.Decimal("3.14159265358979323846264338327950288"), decimal.Decimal("-2.71828182845904523536")
    print(a / b, a ** 7, b.exp(), a.ln(), a.sqrt(), a.log10(), a.quantize(decimal.Decimal("0.001")), (a * b).normalize(), a.fma(b, a))
decimal.getcontext().prec = 2000 if full else 300
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 998001)
print(sum(fractions.Fraction(1, n) for n in range(1, 300 if full else 60)), fractions.Fraction(math.pi).limit_denominator(10 ** 9))

print("programs")
sieve = bytearray([1]) * 50000
for i in range(2, 224):
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, 50000, i)))
print(sum(sieve[2:]), [i for i in range(49000, 50000) if sieve[i]])
words = ["".join(rnd.choices("abcdefg", k=rnd.randrange(1, 9))) for _ in range(20000 if full else 2000)]
print(sorted(set(words))[:200], max(words), len({w: i for i, w in enumerate(words)}), re.findall(r"(a+b|[ce]{2,})(?=d|\b)", " ".join(words))[:300])
queens = lambda n: sum(len({p[i] + i for i in range(n)}) == len({p[i] - i for i in range(n)}) == n for p in itertools.permutations(range(n)))
print(queens(8 if full else 6))
x, y, inside = 0.5, 0.25, 0
for _ in range(200000 if full else 20000):
    x, y = 3.9 * x * (1 - x), math.sin(y * 3 + x)
print(x.hex(), y.hex(), rnd.gauss(0, 1).hex(), rnd.betavariate(2, 3).hex(), rnd.sample(range(10 ** 9), 5))
