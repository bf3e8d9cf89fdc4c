# Arithmetic, formats, strings, regular expressions, sorting, pack. The argument: short or full.
use strict; use warnings; use integer (); use List::Util qw(sum reduce shuffle first max); use POSIX ();
my $full = $ARGV[0] eq 'full'; my $state = 12345;
sub rnd { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return $state >> 8 }
my @n = map { rnd() - 4_000_000 } 1 .. ($full ? 3000 : 400);
for my $i (0 .. 60) {
  my ($a, $b) = @n[$i, $i + 1]; my $f = $a / ($b || 1);
  { use integer; printf "%d %d %d %d ", $a / ($b || 1), $a % ($b || 1), $a * $b, $a << 3 }
  printf "%d %s %.17g %e %g %s %x %o %b %s %s %s\n", $a % ($b || 1), $a * $b, $f, $f, $f * 1e15, $f, $a & 0xffffffff, $b & 0xffffff, $a & 0xffff, $a ** 3, int $f, abs($a) ** 0.5;
  printf "%.15g %.15g %.15g %.15g %.15g\n", sin $f, cos $f, exp($f / 100), log(abs $f + 1), atan2 $a, $b;
}
print 0xffffffffffffffff, ' ', 18446744073709551615 + 1, ' ', 9223372036854775807 + 1, ' ', -9223372036854775808 - 1, ' ', 2 ** 63, ' ', ~0 - 1, ' ', 1e15 + 0.3, ' ', 1 / 7, ' ', 9**9**9, ' ', -9**9**9, "\n";
print join(' ', map { POSIX::fmod($_, 7.5), POSIX::floor($_ / 3), POSIX::ceil($_ / 3), POSIX::strtol($_ & 0xffff, 8) } @n[0 .. 30]), "\n";
print join(',', sort { $a <=> $b } @n), "\n", join(',', (sort map { sprintf '%x', $_ & 0xffffff } @n)[0 .. 99]), "\n";
print sum(@n), ' ', max(@n), ' ', (reduce { ($a * 31 + $b) % 1000003 } @n), "\n";
my $packed = pack 'w/a* N n C v V q> Q< f d> H8 w', 'text' x 9, 1, 2, 3, 4, 5, -6, 7, 1.5, -2.25, 'deadbeef', 300000;
print unpack('H*', $packed), ' ', unpack('%32C*', join '', @n), ' ', unpack('%16n*', pack 'n*', map { $_ & 0xffff } @n), "\n";
my $text = join ' ', map { substr sprintf('%o', $_ & 0xffffff), 0, 1 + $_ % 6 } @n;
my %count; $count{$_}++ for $text =~ /\d+/g;
print join(' ', map { "$_:$count{$_}" } sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count), "\n";
(my $t = $text) =~ s/(\d)(\d)(?=\1)/<$2$1>/g; $t =~ s/(\d+) (?:\d*?[37]) (\d+)/\u$2-$1/g; $t =~ tr/0-7/a-h/; print substr($t, 0, 3000), "\n", ucfirst reverse(substr $t, 0, 80), ' ', lc uc $t =~ s/\W+//gr, "\n";
print join('|', split /(?<=[3-5])\s+(?![16])/, substr $text, 0, 2000), ' ', sprintf('%vd', '1.22.333'), ' ', "\x{df}" =~ /ss/i ? 1 : 0, ' ', join(',', "aXbXXc" =~ /([a-c])(X*)/g), "\n";
my $balanced = qr/(\((?:[^()]++|(?1))*\))/; print join(' ', '((a)(b(c)))) (d) ((' =~ /$balanced/g), "\n";
my @m = map { [ map { rnd() % 100 } 1 .. 12 ] } 1 .. 12; my @p = @m;
for (1 .. ($full ? 40 : 4)) { my @q; for my $i (0 .. 11) { for my $j (0 .. 11) { $q[$i][$j] = (sum map { $p[$i][$_] * $m[$_][$j] } 0 .. 11) % 1_000_000_007 } } @p = @q }
print "@$_\n" for @p;
my ($x, $s) = (0.5, 0); for (1 .. ($full ? 200_000 : 10_000)) { $x = 3.99 * $x * (1 - $x); $s += sin($x) * sqrt $x } printf "%.17g %.17g\n", $x, $s;
my $crc = 0xffffffff; for my $c (unpack 'C*', $text) { $crc ^= $c; for (1 .. 8) { $crc = $crc & 1 ? ($crc >> 1) ^ 0xedb88320 : $crc >> 1 } } printf "%08x\n", $crc ^ 0xffffffff;
print crypt('secret', '$6$saltsalt$'), ' ', join(' ', gmtime 86400 * 11000 + 4321), ' ', sprintf('%s', 1e1000 - 1e1000) =~ s/^-//r, "\n";
