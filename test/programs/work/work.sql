-- A table of :rows rows out of a sequence: indexes, joins, windows, JSON, text, transactions.
.mode list
create table t (id integer primary key, a integer, b real, c text, d blob);
with recursive s (i, x) as (select 1, 12345 union all select i + 1, (x * 1103515245 + 12345) & 2147483647 from s where i < :rows)
insert into t select i, x >> 8, (x - 1e9) / 7.0, printf('%08x-%d', x, i % 97), substr(hex(x) || hex(x * 31), 1, i % 16) from s;
create index t_a on t (a); create index t_c on t (c collate nocase, b desc);
select count(*), sum(a), avg(b), min(c), max(c), total(length(d)), count(distinct a % 1000) from t;
select a % 10, count(*), sum(b), group_concat(id % 7, '') from (select * from t where id < 1500 order by id) group by 1 order by 1;
select x.id, y.id, x.b - y.b from t x join t y on y.a between x.a - 3 and x.a and y.id < x.id order by 1, 2 limit 300;
select id, b, round(b, 2), cast(b as integer), b * b, printf('%.17g %e %.3f %g', b, b, b, b), abs(b), b / 3, a / 7, a % 7, -a / 7, a << 3, a >> 2, ~a, a & 255 | 1 from t where id % 53 = 0 limit 100;
select id, sum(b) over (order by id rows 5 preceding), rank() over (partition by a % 5 order by c), lag(c, 3) over (order by id), ntile(9) over (order by a), percent_rank() over (order by b) from t order by id limit 200;
update t set c = upper(c) || quote(d), b = b * 1.5 where id % 3 = 1;
delete from t where a % 11 = 4;
begin; update t set a = -a; select sum(a) from t; rollback;
select count(*), sum(a), sum(b), sum(length(c)) from t;
select json_group_array(json_object('i', id, 'b', b, 'c', c)) from (select * from t where id < 60 order by id);
select value, key from json_each('[1, 2.5, "x", null, {"a": [true, false]}, -1e300, 0.1]');
select c like '%A0%', c glob '*[0-3]-*', instr(c, 'f'), replace(substr(c, 3, 9), '0', 'zero'), unicode(c), hex(c), trim(c, '0123456789') from t where id < 300;
with recursive m (n, f, g) as (select 1, 1, 1.0 union all select n + 1, (f * n) % 1000000007, g * 1.0001 + 1.0 / n from m where n < :rows) select max(n), sum(f), total(g), max(g) from m;
select sqrt(2), sin(1), exp(1), ln(10), pow(2, 0.5), atan2(1, 3), pi(), 9223372036854775807 + 1, -9223372036854775808 / -1, 1 / 0, 5 / 2, -5 / 2, -5 % 3, 1e308 * 10, 0.1 + 0.2, '12abc' + 1, x'00ff' || 'a', typeof(1e0), round(2.5), round(-0.5), 1 = 1.0;
explain query plan select * from t where a > 5 and c = 'x';
vacuum; pragma integrity_check; reindex; analyze; select tbl, idx, stat from sqlite_stat1 order by 1, 2;
select date('2000-02-29', '+1 year', 'weekday 3'), julianday('1970-01-01 00:00:01.5'), strftime('%s %J %W', 1e9, 'unixepoch'), time(0.7);
