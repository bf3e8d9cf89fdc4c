# Perl's C and bignum modules, on the file that is given.
use strict; use warnings; use Digest::SHA; use Digest::MD5; use Math::BigInt; use Math::BigFloat; use MIME::Base64; use Storable (); use Encode; use Data::Dumper; use Compress::Zlib;
open my $file, '<:raw', $ARGV[0] or die; read $file, my $data, 100000;
print "$_ ", Digest::SHA->new($_)->add($data)->hexdigest, "\n" for 1, 224, 256, 384, 512, 512224, 512256;
print Digest::MD5::md5_hex($data), ' ', Digest::SHA::hmac_sha512_hex($data, 'key'), ' ', encode_base64(substr $data, 0, 100), crc32($data), ' ', adler32($data), "\n";
print Math::BigInt->new(3)->bpow(500)->bmul('123456789012345678901234567890')->bmodpow('98765432109876543210', '1000000000000000000000007'), ' ', Math::BigInt->new(200)->bfac, ' ', Math::BigFloat->new(2)->bsqrt(120), ' ', Math::BigFloat->bpi(150), "\n";
print unpack('H*', encode('UTF-16LE', decode('UTF-8', "h\xc3\xa9llo \xe2\x98\xba"))), ' ', unpack('%32C*', Storable::nfreeze([ 1 .. 50, { a => 1.5 } ])), "\n";
local ($Data::Dumper::Sortkeys, $Data::Dumper::Indent) = (1, 1); print Dumper({ a => [ 1, 'x', undef, \'r' ], b => { c => -1.25 } });
my $packed = compress($data x 2, 9); print length $packed, ' ', Digest::MD5::md5_hex($packed), ' ', uncompress($packed) eq $data x 2 ? 'same' : 'different', "\n";
