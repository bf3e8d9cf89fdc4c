"""The C modules of the standard library, each put to a little work."""
import ast, collections, csv, datetime, difflib, heapq, io, itertools, json, pickle, sqlite3, statistics, string, textwrap, time, unicodedata, xml.etree.ElementTree as tree
import random

rnd = random.Random(7)
table = [{"id": i, "x": rnd.random(), "s": "".join(rnd.choices(string.printable, k=9)), "n": None, "l": [i, -i]} for i in range(300)]
text = json.dumps(table)
print(text, json.loads(text) == table, pickle.loads(pickle.dumps(table)) == table, pickle.dumps(table, 5).hex())
print(ast.dump(ast.parse("def f(a, *b, c=1):\n return [x ** 2 for x in a if x] or {**c}\n")), compile("1 + 2 * x", "", "eval").co_code.hex())
xs = [rnd.gauss(3, 2) for _ in range(1000)]
print(statistics.mean(xs).hex(), statistics.stdev(xs).hex(), statistics.median(xs).hex(), statistics.linear_regression(xs, xs[::-1]), statistics.quantiles(xs, n=20))
print(heapq.nsmallest(20, xs), collections.Counter(text).most_common(30), list(itertools.accumulate(xs[:50])))
out = io.StringIO()
csv.DictWriter(out, list(table[0])).writerows(table)
print(out.getvalue())
d = datetime.datetime(1999, 12, 31, 23, 59, 59, 999999)
print(*(d + datetime.timedelta(days=i * i, microseconds=i ** 5) for i in range(60)), time.gmtime(2 ** 33), d.isocalendar(), d.strftime("%A %c %j %U"))
print("\n".join(difflib.unified_diff(textwrap.wrap(text[:3000], 50), textwrap.wrap(text[100:3300].replace("1", "one"), 50))))
print(unicodedata.normalize("NFKD", "ﬁ Åé½Ⅷ가"), unicodedata.name("∮"), "ǅß".casefold(), "straße".upper(), "Ω≈ç√".encode("utf-16").hex())
root = tree.fromstring("<a>" + "".join(f"<b n='{i}'>{i * i}&amp;<c/></b>" for i in range(200)) + "</a>")
print(tree.tostring(root)[-500:], sum(int(b.get("n")) for b in root.iter("b")))
base = sqlite3.connect(":memory:")
base.execute("create table t (a integer primary key, b real, c text)")
base.executemany("insert into t values (?, ?, ?)", ((r["id"], r["x"], r["s"]) for r in table))
print(base.execute("select count(*), sum(b), avg(a * b), max(c), min(length(c)) from t where a % 3").fetchall())
for seed in range(5):
    r = random.Random(seed)
    print(r.getrandbits(200), r.random().hex(), r.choices("abc", [1, 2, 3], k=10), r.shuffle(xs), r.expovariate(2).hex(), r.vonmisesvariate(1, 2).hex())
print(xs[:10])
