# The work of the comparison, run by busybox's shell here and in the guest. Each step leaves a file in $OUT: what the program said, its exit code.
#   $ROOT   where the packages are: nothing in the guest
#   $RUN    words before a program: nothing in the guest, the packages' own loader and libraries here
#   $STEPS  a regular expression: only the steps that it matches
#   $WORK   this folder     $OUT  results     $TMP  scratch     $SIZE  short or full     $AVX2  1 where the processor has it
set -u
B="$BUSYBOX"
BIN="$ROOT/usr/bin"
export PYTHONHOME="$ROOT/usr" PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 OPENSSL_CONF=/dev/null OPENSSL_MODULES="$ROOT/usr/lib/x86_64-linux-gnu/ossl-modules"
export PERL5LIB="$ROOT/usr/lib/x86_64-linux-gnu/perl-base:$ROOT/usr/lib/x86_64-linux-gnu/perl/5.36:$ROOT/usr/share/perl/5.36" LC_ALL=C TZ=UTC TMPDIR="$TMP" HOME="$TMP"

step() {
  local name=$1
  echo "$name" | "$B" grep -Eq "${STEPS:-.}" || return 0
  echo "$("$B" cut -d" " -f1 /proc/uptime) $name" >&2
  shift
  "$@" >"$OUT/$name" 2>&1 </dev/null
  echo "exit $?" >>"$OUT/$name"
}
openssl() { $RUN "$BIN/openssl" "$@"; }
python() { $RUN "$BIN/python3.11" "$@"; }
perl() { $RUN "$BIN/perl" "$@"; }
hash() { "$B" sha256sum | "$B" cut -c1-64; }
# File $1 with $2 bytes of noise that is the same everywhere.
noise() { $RUN "$BIN/openssl" enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null | "$B" head -c "$2" >"$1"; }

# --- openssl -----------------------------------------------------------------------------------------------------------
digests() {
  for d in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-224 sha3-256 sha3-384 sha3-512 shake128 blake2s256 blake2b512 sm3 ripemd160; do
    for n in $LENGTHS; do
      "$B" head -c $n "$TMP/noise" | openssl dgst -$d
    done
  done
}
macs() {
  for d in md5 sha1 sha256 sha512 sha3-256; do openssl dgst -$d -hmac "a key of some length" "$TMP/noise" | "$B" sed 's/.*= //'; done
  openssl mac -macopt cipher:aes-256-cbc -macopt hexkey:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f -in "$TMP/noise" CMAC
  openssl mac -macopt cipher:aes-128-gcm -macopt hexiv:000102030405060708090a0b -macopt hexkey:000102030405060708090a0b0c0d0e0f -in "$TMP/noise" GMAC
  openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f -in "$TMP/noise" Poly1305
  openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -in "$TMP/noise" SipHash
  openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt pass:secret -kdfopt salt:salt -kdfopt iter:2000 PBKDF2
  openssl kdf -keylen 32 -kdfopt pass:secret -kdfopt salt:salt -kdfopt n:256 -kdfopt r:8 -kdfopt p:1 SCRYPT
}
ciphers() {
  for c in aes-128-ecb aes-128-cbc aes-192-cbc aes-256-cbc aes-256-ctr aes-128-cfb aes-128-cfb8 aes-256-ofb aria-128-cbc aria-256-ctr camellia-128-cbc camellia-256-ctr \
    chacha20 des-ede3-cbc sm4-cbc sm4-ctr; do
    K=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    case $c in *128*|sm4*) K=000102030405060708090a0b0c0d0e0f;; *192*|des*) K=000102030405060708090a0b0c0d0e0f1011121314151617;; esac
    openssl enc -$c -K $K -iv 0f0e0d0c0b0a09080706050403020100 -in "$TMP/noise" -out "$TMP/coded" && hash <"$TMP/coded"
    openssl enc -d -$c -K $K -iv 0f0e0d0c0b0a09080706050403020100 -in "$TMP/coded" | "$B" cmp - "$TMP/noise" && echo "$c back"
  done
}
# Keys that python3 makes, the same everywhere (keys.py): signatures that are functions of key and message, others checked.
signatures() {
  python "keys.py" "$TMP" || return
  openssl rsa -in "$TMP/rsa.pem" -check -noout -modulus
  openssl dgst -sha256 -sign "$TMP/rsa.pem" "$TMP/noise" | openssl base64
  openssl dgst -sha512 -sign "$TMP/rsa.pem" -sigopt rsa_padding_mode:pss -out "$TMP/signature" "$TMP/noise"
  openssl dgst -sha512 -prverify "$TMP/rsa.pem" -sigopt rsa_padding_mode:pss -signature "$TMP/signature" "$TMP/noise"
  for k in ed25519 ed448; do
    openssl pkeyutl -sign -rawin -inkey "$TMP/$k.der" -keyform DER -in "keys.py" | openssl base64
  done
  for k in x25519 x448; do
    openssl pkey -inform DER -in "$TMP/$k.der" -pubout -out "$TMP/public.pem"
    openssl pkeyutl -derive -inkey "$TMP/$k-2.der" -keyform DER -peerkey "$TMP/public.pem" | openssl base64
  done
  for curve in prime256v1 secp384r1 secp521r1 secp256k1; do
    openssl ecparam -name $curve -genkey -noout -out "$TMP/a.pem" && openssl ecparam -name $curve -genkey -noout -out "$TMP/b.pem"
    openssl ec -in "$TMP/a.pem" -pubout -out "$TMP/a.pub" && openssl ec -in "$TMP/b.pem" -pubout -out "$TMP/b.pub"
    openssl pkeyutl -derive -inkey "$TMP/a.pem" -peerkey "$TMP/b.pub" | hash >"$TMP/one"
    openssl pkeyutl -derive -inkey "$TMP/b.pem" -peerkey "$TMP/a.pub" | hash | "$B" cmp - "$TMP/one" && echo "$curve agrees"
    openssl dgst -sha256 -sign "$TMP/a.pem" -out "$TMP/signature" "$TMP/noise" && openssl dgst -sha256 -verify "$TMP/a.pub" -signature "$TMP/signature" "$TMP/noise"
  done
  openssl prime -checks 20 170141183460469231731687303715884105727 170141183460469231731687303715884105729
}
# Counts and rates differ; that each algorithm runs to its end does not.
speed() {
  openssl speed -seconds 1 -bytes 8192 sha256 aes-256-cbc md5 2>&1 | "$B" grep -c '^Doing'
  openssl speed -seconds 1 -bytes 8192 -evp aes-256-gcm 2>&1 | "$B" grep -c '^Doing'
  openssl speed -seconds 1 -bytes 8192 -evp chacha20-poly1305 2>&1 | "$B" grep -c '^Doing'
  openssl speed -seconds 1 ecdsap256 rsa2048 2>&1 | "$B" grep -c '^Doing'
}

# --- packers -----------------------------------------------------------------------------------------------------------
packers() {
  local data=$1
  $RUN "$BIN/xz" -T1 -$2 -c "$data" >"$TMP/a.xz" && hash <"$TMP/a.xz"
  $RUN "$BIN/xz" -t -v "$TMP/a.xz" 2>/dev/null && echo "xz -t agrees"
  $RUN "$BIN/xz" -dc "$TMP/a.xz" | "$B" cmp - "$data" && echo "xz back"
  $RUN "$BIN/xz" -T1 -0 -C sha256 --x86 --lzma2=preset=0 -c "$data" >"$TMP/b.xz" && $RUN "$BIN/xz" -t "$TMP/b.xz" && hash <"$TMP/b.xz"
  # One bit less right: it must be found.
  { "$B" head -c 5000 "$TMP/a.xz"; echo x; "$B" tail -c +5003 "$TMP/a.xz"; } >"$TMP/bad.xz"
  $RUN "$BIN/xz" -t "$TMP/bad.xz" 2>/dev/null || echo "xz -t finds damage"
  $RUN "$ROOT/bin/bzip2" -9 -c "$data" >"$TMP/a.bz2" && hash <"$TMP/a.bz2" && $RUN "$ROOT/bin/bzip2" -t "$TMP/a.bz2" && echo "bzip2 -t agrees"
  $RUN "$BIN/zstd" -q --single-thread -$2 -c "$data" >"$TMP/a.zst" && hash <"$TMP/a.zst" && $RUN "$BIN/zstd" -q -t "$TMP/a.zst" && echo "zstd -t agrees"
}

# --- compiler ----------------------------------------------------------------------------------------------------------
GCC="$ROOT/usr/lib/gcc/x86_64-linux-gnu/12"
CRT="$ROOT/usr/lib/x86_64-linux-gnu"
compile() { # source, name, flags
  local source=$1 name=$2
  shift 2
  if [ -n "$RUN" ]; then
    COMPILER_PATH="$BIN" $RUN "$BIN/gcc-12" -wrapper "$(echo $RUN | "$B" tr ' ' ,)" --sysroot="$ROOT" "$@" -c "$source" -o "$TMP/$name.o" || return
  else
    "$BIN/gcc-12" "$@" -c "$source" -o "$TMP/$name.o" || return
  fi
  hash <"$TMP/$name.o"
  $RUN "$BIN/ld" --sysroot="$ROOT/" -dynamic-linker /lib64/ld-linux-x86-64.so.2 -pie -o "$TMP/$name" "$CRT/Scrt1.o" "$CRT/crti.o" "$GCC/crtbeginS.o" "$TMP/$name.o" \
    -L"$GCC" -L"$CRT" -L"$ROOT/lib/x86_64-linux-gnu" -lm -lc -lgcc "$GCC/crtendS.o" "$CRT/crtn.o" || return
  hash <"$TMP/$name"
  $RUN "$TMP/$name"
}

# --- the work ----------------------------------------------------------------------------------------------------------
cd "$WORK" && mkdir -p "$OUT" "$TMP" || exit
LIBC="$ROOT/lib/x86_64-linux-gnu/libc.so.6"
if [ "$SIZE" = short ]; then
  LENGTHS="127 50000"
  noise "$TMP/noise" 60000
else
  LENGTHS="0 1 63 64 65 127 128 1000 100000"
  noise "$TMP/noise" 600000
fi
"$B" head -c 150000 "$LIBC" >"$TMP/data"

step openssl-version openssl version
step openssl-digests digests
step openssl-ciphers ciphers
step python-arithmetic python "arithmetic.py" $SIZE
step python-hashing python "hashing.py" "$TMP/noise"
step perl perl "work.pl" $SIZE
step packers packers "$TMP/data" 3
ROWS=20000
[ "$SIZE" = short ] && ROWS=2000
step sqlite $RUN "$BIN/sqlite3" -batch -init /dev/null -cmd ".parameter set :rows $ROWS" -cmd ".read work.sql" :memory: .quit
step gcc-O2 compile small.c small -O2
[ "$SIZE" = short ] && exit 0

step openssl-macs macs
step openssl-signatures signatures
step openssl-speed speed
step packers-best packers "$LIBC" 9
step perl-modules perl "modules.pl" "$TMP/noise"
step python-tests python "modules.py"
step bc $RUN "$BIN/bc" -lq "work.bc"
step gcc-O0 compile small.c small0 -O0
step gcc-Os compile small.c smallS -Os -g0
[ "$AVX2" = 1 ] && step gcc-vectors compile vectors.c vectors -O2
[ "$AVX2" = 1 ] && step gcc-fast compile vectors.c fast -O3 -ffast-math -fno-math-errno
[ "$AVX2" = 1 ] && step gcc-v3 compile vectors.c v3 -O3 -march=x86-64-v3
[ "$AVX2" = 1 ] && step gcc-v3-small compile small.c v3small -O3 -march=x86-64-v3
exit 0
