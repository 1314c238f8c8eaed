#!/usr/bin/env python3
"""Writes tests/text/corpus.json: templates of our own with what Jinja2 makes of them, set up as transformers does.

Usage: scripts/template-corpus.py [--check]      (pip install jinja2==3.1.6)

A case is [template, text]; text is null where Jinja2 fails. `--check` writes nothing and fails if the file is not what it
would be. The set-up (`_compile_jinja_template` in transformers 5.24, utils/chat_template_utils.py): an immutable sandbox
with trim_blocks and lstrip_blocks, loop controls, a `generation` tag that is a call block, and json.dumps as `tojson`.
"""
import json
import pathlib
import sys
from datetime import datetime, timezone

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "text" / "corpus.json"
NOW = 1768478400  # 2026-01-15T12:00:00Z

VARIABLES = {
    "s": "Hello World",
    "u": "h\u00e9llo W\u00f6rld \u00df \u4e16\u754c",
    "q": "it's \"q\" \\ \n\t\u0007\u00e9",
    "html": "<a href=\"x\">R&D 'n' b</a>",
    "many": "one\ntwo\r\nthree\rfour\n\n",
    "long": "The quick brown fox jumps over the well-known lazy dog and runs away.",
    "n": 7,
    "m": -3,
    "f": 2.5,
    "g": 1e-05,
    "h": 1e16,
    "l": [3, 1, 2],
    "ls": ["b", "A", "c", "B"],
    "d": {"b": 1, "a": [1, 2], "c": None},
    "rows": [
        {"name": "x", "age": 3, "t": {"k": 1}, "on": True},
        {"name": "Y", "age": 1, "t": {"k": 2}, "on": False},
        {"name": "z", "age": 2, "t": {}, "on": True},
        {"name": "X", "age": 3},
    ],
    "deep": {"a": {"b": [{"c": "end"}]}, "items": [1], "keys": "k"},
    "e": "",
    "t": True,
    "fl": [1.0, 0.1, 100000.0, 1e22, 1.5e-7, -0.0, 123456789.125],
}
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " Hi <|im_end|> "},
    {"role": "assistant", "content": None, "reasoning": "because", "tool_calls": [
        {"type": "function", "function": {"name": "get", "arguments": {"x": 1.0, "y": [None, True, "\u00e9\n"]}}}]},
    {"role": "tool", "content": "42", "name": "get", "tool_call_id": None},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 42.", "thinking": "t"},
]
TOOLS = [{"type": "function", "function": {
    "name": "get", "description": "Gets <it> & 'that'.",
    "parameters": {"type": "object", "properties": {
        "x": {"type": "number", "minimum": 1e-05, "maximum": 1e16, "default": 1.0, "enum": [0.1, 2]},
        "y": {"type": "array", "items": {"type": "string"}}}, "required": ["x"]}}}]

# Expressions, one a line. Each becomes `{{ expression }}`.
EXPRESSIONS = r"""
1
-5
+5
- 5
007
0x1f
0b101
0o17
1_000
1.5
1.5e3
1e5
2.5E-3
1_0.5_0
true
True
false
none
None
'a' 'b' "c"
'\/'
'\n\t\\'
'\x41\u00e9\U0001F600'
'\101\0end'
'\a\b\f\v'|length
'\q\é'
"a'b"
'a"b'
[]
[1, 'a', none, true, 1.5]
[1,]
()
(1,)
(1, 2)
1, 2
{}
{'a': 1, 2: 'b', none: [1], (1, 2): {}}
{'a': 1, 'a': 2}
{1: 'a', 1.0: 'b', true: 'c'}
1 + 2
1 - 2
2 * 3
7 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
7.5 // 2
-7.5 % 2
7.5 % -2
1 / 4
6 / 3
1e308 * 10
0.1 + 0.2
1 / 3
true + 1
true * 3
-true
+true
1 / 0
1 // 0
1 % 0
1.0 / 0
9223372036854775807 + 1
-9223372036854775808 - 1
9223372036854775807 * 9223372036854775807
18446744073709551616
-18446744073709551616
18446744073709551616 - 1
2 ** 100
10 ** 20
123456789012345678901234567890
'a' + 'b'
'a' * 3
3 * 'ab'
'a' * 0
'a' * -1
'a' + 1
1 + 'a'
[1] + [2]
[1] * 2
2 * [1, 2]
(1,) + (2,)
(1,) * 2
[1] + (1,)
none + 1
none * 2
'a' - 'b'
{} + {}
1 ~ 2
'a' ~ 1 ~ none ~ true ~ 1.5
[1] ~ {}
nothing ~ 'x'
'a' ~ 1 + 2
1 + 2 ~ 3 + 4
1 == 1.0
1 == true
'a' == 'a'
'a' != 'b'
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{'a': 1} == {'a': 1.0}
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
none == false
nothing == nothing
nothing == none
1 < 2
2 <= 2
'a' < 'b'
'a' < 'B'
[1, 2] < [1, 3]
[1] < [1, 2]
(1, 'a') < (1, 'b')
1 < 'a'
none < 1
{} < {}
1 < 2 < 3
1 < 3 > 2
3 > 2 > 2
1 < 2 == true
1 == 1 in [1]
1 in [1, 2]
1.0 in [1]
'a' in 'abc'
'' in 'abc'
'x' not in 'abc'
1 in (1,)
'a' in {'a': 1}
1 in {'a': 1}
'a' not in {'a': 1}
3 in range(5)
5 in range(5)
2 in range(1, 9, 3)
1 in 1
1 in 'a'
none in [none]
nothing in [1]
1 in nothing
[1] in {'a': 1}
not true
not not 1
not 1 == 2
not 'a' in 'abc'
1 and 2
0 and 2
0 or 'x'
'' or none
1 or nothing.x
true and not false
1 if true else 2
1 if false else 2
1 if false
(1 if false) is defined
1 if 0 else 2 if 0 else 3
1 if nothing else 2
'a' if 1 if 0 else 2 else 3
nothing
nothing.x
nothing[0]
nothing()
nothing + 1
-nothing
nothing < 1
nothing is defined
nothing|length
nothing|list
nothing|join
nothing|default('d')
nothing|string
nothing|upper
nothing|trim
nothing|first
nothing|last
nothing|int
nothing|float
nothing|tojson
nothing|items|list
nothing|map('upper')|list
nothing|select|list
nothing|sort
nothing|reverse|list
nothing|replace('a', 'b')
nothing|abs
nothing|round
nothing|sum
nothing|unique|list
nothing|dictsort
[nothing]
{'a': nothing}
s
s[0]
s[-1]
s[99]
s[1:3]
s[::-1]
s[:-6]
s[-5:]
s[::2]
s[4:1:-1]
s[100:]
s[1:3:0]
s['upper']()
s.upper
s.nothing
u[1]
u[1:4]
u[::-1]
u[-2:]
u|length
l[0]
l[-1]
l[5]
l[1:]
l[:2]
l[::-1]
l[-2:]
l[true]
l['a']
l[1.0]
l.0
l.1.real
rows.0.name
rows[0].t.k
rows[0]['t']['k']
rows[2].t.k
rows[9].name
rows[2].t.k is defined
d.b
d['b']
d.zz
d['zz']
d.zz is defined
d[none]
d[[1]]
d.get('a')
d.get('zz')
d.get('zz', 5)
d.get('c', 5)
d.keys()
d.values()
d.items()
d.keys()|list
d.values()|list
d.items()|list
d|list
d|length
d.keys()|length
d.items()|first
d.copy() == d
deep.a.b[0].c
deep['items']
deep.items()|list
deep.get('items')
deep['get']('keys')
d.pop('a')
d.update({})
l.append(1)
l.append is defined
l.count(1)
l.index(2)
l.index(9)
l.index(2, 1)
l.copy()
(1, 2, 1).count(1)
(1, 2, 1).index(2)
s.__class__
s.__class__ is defined
range(3)
range(3)|list
range(2, 5)|list
range(5, 0, -2)|list
range(0)|list
range(1, 10, 4)
range(10)[2:5]|list
range(10)[::-3]|list
range(3)[-1]
range(10)[4]
range(3)|length
range(3).start
range(200000)
range(1, 2, 0)
range('a')
dict()
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([['a', 1], ('b', 2)])
dict(d, a=0)
dict([1])
namespace(a=1).a
namespace({'a': 1}, b=2).b
namespace([('a', 1)]).a
namespace().x
namespace().x is defined
namespace(a=1)
cycler('a', 'b').next()
cycler('a', 'b').current
joiner()()
raise_exception('no')
strftime_now('%Y-%m-%d %H:%M:%S')
strftime_now('%d %B %Y, %A %j %p %I')
strftime_now('%-d/%-m %y %b %a %%')
strftime_now('%D %R %u %f')
strftime_now('a%Z%z0%%')
strftime_now('%-Z')
7.5 % -2.5
-7.5 % 2.5
0.0 % -2
-0.0 % 2
-4 % 2.0
4 % -2.0
5.0 % -5
-0.0 // 2
0.0 // -2
-1 // 4.0
1e300 % -3
'%*d|' % (-5, 3)
'%*d|' % (5, 3)
'%-*d|' % (-5, 3)
'%*s|' % (-4, 'a')
'%0*d|' % (-5, 3)
'%.*f' % (-2, 1.25)
'%.*s' % (-1, 'abc')
'+-5'|int(9, 16)
'-+5'|int(9, 16)
'--5'|int(9, 8)
'+5'|int(9, 16)
'-ff'|int(9, 16)
'0x-5'|int(9, 16)
'5-'|int(9, 2)
90000000000000000000000000000000000000|round(-38)
(0 - 90000000000000000000000000000000000000)|round(-38)
50000000000000000000000000000000000000|round(-38)
15|round(-1)
25|round(-1)
-15|round(-1)
7|round(-50)
(0 - 170141183460469231731687303715884105727 - 1)|abs
(0 - 170141183460469231731687303715884105727)|abs
range(9223372036854775797, 9223372036854775807, 9223372036854775807)[1:]|list
range(9223372036854775797, 9223372036854775807, 5)[::-1]|list
range(9223372036854775797, 9223372036854775807, 5)[7:]|list
range(-9223372036854775807, 9223372036854775807, 4611686018427387904)|list
range(-9223372036854775807, 9223372036854775807, 4611686018427387904)|length
range(9223372036854775807, -9223372036854775807, -9223372036854775807)|list
'ab cdefgh'|wordwrap(3)
'a   bcdefg'|wordwrap(3)
'   a'|wordwrap(2)
(' ' * 9)|wordwrap(1)
(' ' * 9 ~ 'a')|wordwrap(2)
'aa  bb'|wordwrap(1)
'well-known and-so-on'|wordwrap(5)
'well-known and-so-on'|wordwrap(5, break_on_hyphens=false)
'abcdefgh ij klmnopq'|wordwrap(3, false)
'a-b cd-ef gh-ij-kl'|wordwrap(4)
u|wordwrap(4)
'12-34-5678é'|wordwrap(4)
'12-34-5678é'|wordwrap(4, break_on_hyphens=false)
'-----a--b'|wordwrap(3)
'x é1-é2-é3'|wordwrap(6)
u[::2]
u[::-1]
u[1:9:3]
u[9:1:-3]
u[::-20]
u[30::-1]
u[-3::2]
u[3:3:-1]
('a\nb\n')|indent(2, true, true)
('a\nb\r')|indent(2, true, true)
('a\nb\r\n')|indent(2, true, true)
''|indent(2, true, true)
'a\x0b'|indent(2, true, true)
[1, 2] < [1, 2]
[1, 2, 3] > [1, 2]
l < l
l <= l
dict(**d)
'{b}'.format(**d)
(rows|selectattr('on')|first).name
[rows|map(attribute='age')]|map('first')|list
'abcabc'.strip('cab')
'xaxbx'.strip('xx')
s.upper()
s.lower()
u.upper()
u.lower()
u.title()
u.capitalize()
u.casefold()
u.swapcase()
"it's a1b c-d".title()
"it's a1b c-d"|title
'hELLO wORLD'.capitalize()
'hELLO wORLD'|capitalize
'foo bar[baz]<qux>(a)'|title
'ΑΣ ΑΣΑ'.lower()
'ŉ ﬁ'.upper()
'ﬁx'.capitalize()
' a b '.strip()
' a b '.lstrip() ~ '|'
' a b '.rstrip() ~ '|'
'xxaxx'.strip('x')
'xyaxy'.lstrip('xy')
'xyaxy'.rstrip('yx')
'\x1c\x1d a \x1e\x1f\x85\xa0'.strip()
' a '|trim
'xax'|trim('x')
'  '|trim|length
'a b  c'.split()
' a b '.split()
'a b c'.split(' ', 1)
'a b c'.split(maxsplit=1)
'a b c'.split(none, 1)
'a,b,,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.split(sep=',')
'a,b,c'.split(',', 0)
''.split(',')
''.split()
'a'.split('')
'a-b-c'.rsplit('-', 1)
'a b c '.rsplit(none, 1)
' a b c'.rsplit(maxsplit=1)
'a-b-c'.rsplit('-')
'a-b'.partition('-')
'ab'.partition('-')
'a-b-c'.rpartition('-')
'ab'.rpartition('-')
'a<think>b</think>c'.split('</think>')[-1]
many.splitlines()
many.splitlines(true)
'a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i'.splitlines()
'a\rb'.splitlines()|length
'abc'.startswith('a')
'abc'.startswith(('x', 'ab'))
'abc'.startswith('b', 1)
'abc'.startswith(['a'])
'abc'.startswith('')
'abc'.endswith('c')
'abc'.endswith('b', 0, 2)
'abc'.endswith(('b', 'c'))
'abcabc'.find('c')
'abcabc'.find('c', 3)
'abcabc'.find('c', 3, 5)
'abcabc'.find('z')
'abcabc'.rfind('b')
'abcabc'.index('b')
'abcabc'.index('z')
'abcabc'.rindex('a')
'abcabc'.count('b')
'aaaa'.count('aa')
'abc'.count('')
u.find('W')
u.index('世')
'abc'.replace('b', 'x')
'aaa'.replace('a', 'b', 2)
'abc'.replace('', '-')
'abc'.replace('z', 'x')
'abc'.replace('b', '')
'aaa'|replace('a', 'b', 2)
'abc'|replace('b', 1)
123|replace(2, 'x')
'-'.join(['a', 'b'])
'-'.join([1])
''.join(ls)
'-'.join('abc')
'-'.join({'a': 1})
'7'.zfill(3)
'-7'.zfill(4)
'+7'.zfill(4)
'abc'.zfill(2)
'a'.ljust(3) ~ '|'
'a'.rjust(3)
'a'.ljust(3, '.')
'a'.center(4, '*')
'ab'.center(5, '*')
'a'.center(4) ~ '|'
'abc'.center(2)
'a\tb'.expandtabs()
'a\tb\n\tc'.expandtabs(4)
'abc'.removeprefix('a')
'abc'.removesuffix('bc')
'abc'.removeprefix('x')
'abc'.isalpha()
'ab1'.isalnum()
'12'.isdigit()
'²'.isdigit()
'²'.isdecimal()
'୧'.isdecimal(), '୧'|int
'½'.isnumeric()
'Ⅷ'.isalpha()
''.isalpha()
' \n'.isspace()
'abc'.islower()
'ABC1'.isupper()
'Ab Cd'.istitle()
'ab'.isidentifier()
'1a'.isidentifier()
'a\n'.isprintable()
'é'.isascii()
'{}-{}'.format(1, 'a')
'{1}{0}'.format('a', 'b')
'{a}'.format(a=1)
'{}'.format([1, 'x'])
'{a[x]}'.format(a={'x': 1})
'{a.name}'.format(a=rows[0])
'{0[1]}'.format(l)
'{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c')
'{:05d}'.format(42)
'{:+}'.format(5)
'{:,}'.format(1234567)
'{:_}'.format(1234567)
'{:.2f}'.format(3.14159)
'{:10.3f}|'.format(3.14159)
'{:e}'.format(12345.678)
'{:g}'.format(0.0001)
'{:g}'.format(1e10)
'{:%}'.format(0.25)
'{:x} {:X} {:o} {:b}'.format(255, 255, 8, 5)
'{:#x}'.format(255)
'{:*^9}'.format('mid')
'{!r}'.format('a')
'{!s:>3}'.format(1)
'{{}}'.format(1)
'{:.2}'.format('abc')
'{:{}}'.format('a', 3) ~ '|'
'{'.format(1)
'}'.format(1)
'{} {}'.format(1)
'{:d}'.format('a')
'{:.3}'.format(1234.5)
'{}'.format(1e-05)
'{}'.format(true)
'{:5}'.format(true)
'{:>5}'.format(none)
'%s' % 'a'
'%s-%s' % ('a', 1)
'%d' % 3.7
'%5d|%-5d|%05d' % (1, 2, 3)
'%+d % d' % (1, 2)
'%.2f' % 3.14159
'%e' % 12345.678
'%g %g' % (0.0001, 1e10)
'%x %X %o %#x' % (255, 255, 8, 255)
'%c%c' % ('a', 98)
'%r' % 'a'
'%%' % ()
'%(a)s-%(b)d' % {'a': 'x', 'b': 2}
'%s' % [1]
'%s' % {'a': 1}
'%s' % none
'%5s|%-5s|' % ('a', 'b')
'%.2s' % 'abc'
'%*d' % (5, 42)
'%s %s' % 'a'
'%s' % ('a', 'b')
'%d' % 'a'
'%s'|format('a')
'%s %d'|format('a', 2)
'%(x)s'|format(x=1)
'%.1f'|format(2.25)
'%i'|format(2)
1|abs
-1.5|abs
true|abs
'a'|abs
[1, 2]|batch(2)|list
[1, 2, 3]|batch(2)|list
[1, 2, 3]|batch(2, 'x')|list
[1, 2, 3, 4, 5]|slice(2)|list
[1, 2, 3, 4, 5]|slice(3, 'x')|list
'a'|center(5) ~ '|'
'ab'|center(5) ~ '|'
l|count
none|default('d')
none|default('d', true)
''|default('d')
''|default('d', true)
0|d('x', boolean=true)
nothing|d
d|dictsort
{'b': 1, 'A': 2}|dictsort
{'b': 1, 'A': 2}|dictsort(true)
{'b': 1, 'A': 2}|dictsort(by='value')
{'b': 1, 'A': 2}|dictsort(false, 'value', true)
{'b': 1, 'A': 2}|dictsort(reverse=true)
html|e
html|escape
html|forceescape
html|e|e
('<' | e) + '<'
'<' + ('<' | safe)
('<' | e) ~ '<'
html|safe
'<b>' | safe is escaped
'<b>' is escaped
100|filesizeformat
1000|filesizeformat
1234567|filesizeformat
1234567|filesizeformat(true)
1|filesizeformat
l|first
'abc'|first
[]|first
[]|first is defined
d|first
range(3)|first
'1.5'|float
'x'|float
'x'|float(2.0)
'1e3'|float
'inf'|float
none|float
'1_000.5'|float
rows|groupby('age')
rows|groupby('name')|map('first')|list
rows|groupby('name', case_sensitive=true)|map(attribute='grouper')|list
(rows|groupby('age'))[0].list|length
rows|groupby('on', default='no')|length
'a\nb\n\nc'|indent
'a\nb'|indent(2)
'a\nb'|indent(2, true)
'a\n\nb'|indent(2, blank=true)
'a\nb'|indent('> ')
'a\nb'|indent(width='--', first=true)
'[' ~ ("a\n"|indent(2)) ~ ']'
'[' ~ (""|indent(2, true)) ~ ']'
'a\r\nb\rc'|indent(1)
'42'|int
'42.7'|int
' 42 '|int
'x'|int
'x'|int(5)
'0x1f'|int
'0x1f'|int(base=16)
'ff'|int(0, 16)
'101'|int(base=2)
'1_000'|int
'1e3'|int
none|int
3.99|int
-3.99|int
true|int
'٣'|int
[1]|int
d|items|list
d|items
[1]|items|list
[1, 2]|join
[1, 2]|join('-')
['a', none, 1.5, true]|join(', ')
rows|join(', ', attribute='name')
'abc'|join('-')
d|join('-')
[1e-05, 1e16]|join(' ')
l|last
'abc'|last
[]|last
d|last
range(3)|last
'abc'|length
u|length
1|length
'abc'|list
d|list
(1, 2)|list
none|list
'ABC'|lower
123|lower
['a', 'B']|map('upper')|list
['a', 'B']|map('upper')|join
rows|map(attribute='name')|list
rows|map(attribute='t.k')|list
rows|map(attribute='t.k', default=0)|list
rows|map(attribute='on', default='?')|join(',')
[[1, 2], [3, 4]]|map(attribute=1)|list
[[1, 2], [3, 4]]|map(attribute='0')|list
[[1, 2], [3]]|map('length')|list
['a-b', 'c-d']|map('replace', '-', '+')|list
[1, 2]|map('string')|join
['1', '2']|map('int')|sum
[1]|map
[1]|map('nofilter')|list
l|max
l|min
ls|max
ls|min
ls|max(case_sensitive=true)
ls|min(true)
[]|max
rows|max(attribute='age')
rows|min(attribute='age')
[1, 'a']|max
l|pprint
'a'|pprint
[1, 2, 3]|reject('odd')|list
[0, 1, '', 'a']|reject|list
rows|rejectattr('on')|map(attribute='name')|list
rows|rejectattr('age', 'eq', 3)|map(attribute='name')|list
[1, 2, 3]|reverse|list
'abc'|reverse
d|reverse|list
range(3)|reverse|list
[1, 2]|reverse
42.55|round
42.45|round(1)
42|round
2.5|round
3.5|round
0.125|round(2)
-2.5|round
1234|round(-2)
1250|round(-2)
1234.5|round(-2)
42.41|round(1, 'ceil')
42.49|round(method='floor')
'a'|round
[1, 2, 3, 4]|select('even')|list
[1, 2, 3, 4]|select('gt', 2)|list
[1, 2, 3, 4]|select('>=', 3)|list
[1, 2, 3]|select('in', [1, 3])|list
[0, 1, none, 'a']|select|list
['a', 1]|select('string')|list
rows|selectattr('on')|map(attribute='name')|list
rows|selectattr('age', 'equalto', 3)|map(attribute='name')|list
rows|selectattr('t.k', 'defined')|map(attribute='name')|list
rows|selectattr('name', 'in', ['x', 'z'])|list|length
rows|selectattr('age', '>', 1)|map(attribute='age')|list
[1]|select('notest')|list
l|sort
ls|sort
ls|sort(case_sensitive=true)
ls|sort(true)
ls|sort(reverse=true)
rows|sort(attribute='age')|map(attribute='name')|list
rows|sort(attribute='age', reverse=true)|map(attribute='name')|list
rows|sort(attribute='age,name')|map(attribute='name')|list
d|sort
[1, 'a']|sort
[[2], [1, 5], [1]]|sort
'cab'|sort
1|string
none|string
[1, 'a']|string
1.0|string
1e-05|string
html|striptags
'<p>a  <!-- c -->\n b</p>&amp;&lt;x&#39;'|striptags
[1, 2, 3]|sum
[1.5, 2]|sum
rows|sum(attribute='age')
[[1], [2]]|sum(start=[])
[1, 2]|sum(start=10)
[]|sum
['a']|sum
['a']|sum(start='')
'hello world'|title
long|truncate(20)
long|truncate(20, true)
long|truncate(20, false, '…')
long|truncate(20, leeway=0)
'short'|truncate(3)
'abcdefghij'|truncate(5, end='.', leeway=0)
'abcdef'|truncate(2)
[1, 2, 1, 3]|unique|list
ls|unique|list
ls|unique(true)|list
rows|unique(attribute='age')|map(attribute='name')|list
'abcABC'|unique|join
[[1]]|unique|list
'abc'|upper
'a b/c?d=é&f'|urlencode
{'a b': 'c d', 'e': 1}|urlencode
[['a', 'b']]|urlencode
5|urlencode
long|wordcount
u|wordcount
''|wordcount
long|wordwrap(20)
long|wordwrap(10)
long|wordwrap(5)
long|wordwrap(5, false)
long|wordwrap(20, wrapstring='|')
'a-b well-known-thing'|wordwrap(8)
'a-b well-known-thing'|wordwrap(8, break_on_hyphens=false)
'a  b\n\n c'|wordwrap(3)
{'a': 1, 'b': none, 'c': '<'}|xmlattr
{'a': 1}|xmlattr(false)
{}|xmlattr
{'a b': 1}|xmlattr
d|tojson
d|tojson(indent=2)
d|tojson(indent=0)
d|tojson(indent=-1)
d|tojson(indent='\t')
d|tojson(separators=(',', ':'))
d|tojson(indent=1, separators=(', ', ' : '))
{'b': 1, 'a': 2}|tojson(sort_keys=true)
u|tojson
u|tojson(ensure_ascii=true)
u|tojson(true)
q|tojson
html|tojson
'😀\x7f\u2028'|tojson(ensure_ascii=true)
'😀\x7f\u2028'|tojson
{none: 1, true: 2, 1.5: 3, 4: 5}|tojson
{(1, 2): 3}|tojson
fl|tojson
fl
fl|join(' ')
(1, 2)|tojson
[]|tojson
{}|tojson
[[], {}]|tojson(indent=2)
none|tojson
'a'|tojson
range(3)|tojson
d.items()|tojson
[18446744073709551616, -9223372036854775809]|tojson
g
h
g ~ ''
[g, h]
g|string
{'a': g}|tojson
h|tojson
q
[q]
[u]
['\x7f\xad\u200b\ue000\U000e0001']
["'"]
['"']
['\'"']
[true, none, nothing]
1 is number
1 is integer
1.0 is float
true is number
true is integer
true is boolean
true is true
1 is true
false is false
0 is false
none is none
none is undefined
nothing is undefined
'a' is string
1 is string
d is mapping
l is mapping
l is sequence
'a' is sequence
{} is sequence
range(1) is sequence
none is sequence
1 is sequence
l is iterable
'' is iterable
none is iterable
1 is iterable
d is iterable
3 is odd
2 is even
-3 is odd
'a' is odd
9 is divisibleby 3
9 is divisibleby(4)
1 is eq 1
1 is == 1
1 is ne 2
1 is lt 2
1 is lessthan 2
2 is gt(1)
2 is greaterthan 1
2 is ge 2
1 is le 0
1 is in [1, 2]
1 is not in [1, 2]
'a' is in 'abc'
'abc' is lower
'Abc' is lower
'ABC' is upper
1 is lower
none is sameas none
1 is sameas true
l is sameas l
range is callable
s.upper is callable
s is callable
1 is callable
'upper' is filter
'nofilter' is filter
'odd' is test
'notest' is test
1 is not string
not 1 is string
1 is not none and 2 is defined
s is defined and s is string
1 is notest
1 is defined is true
3 is divisibleby 2 + 1
'x' if nothing is defined else 'y'
'x' if not nothing else 'y'
messages|length
messages[0].role
messages[1].content
messages[1].content|trim
messages[1]['content'] is string
messages[2].content
messages[2].content is defined
'content' in messages[2]
messages[2].content is none
messages[2]['reasoning_content']
messages[2].thinking
messages[2].reasoning
messages[2]|list
messages[2].tool_calls[0].function.arguments|tojson
messages[2].tool_calls[0]['function']
messages[3].tool_call_id is defined
messages[3]|tojson
messages[4].thinking
messages[4].reasoning_content
messages[4].content.split('</think>')[-1].lstrip('\n')
messages[4].content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')
'</think>' in messages[4].content
messages[0]
messages|map(attribute='role')|join(',')
messages|selectattr('role', 'equalto', 'user')|list|length
messages|rejectattr('tool_calls')|map(attribute='role')|list
messages[::-1]|map(attribute='role')|list
messages[-1].role
messages[1:]|length
(messages|last).role
(messages|first)['content']
tools
tools|tojson
tools|tojson(indent=4)
tools|length
tools[0].function.parameters.properties.x.minimum
tools[0].function.parameters.properties|items|list
tools[0].function.parameters.properties|dictsort|map('first')|list
tools[0].function.parameters.properties.y['items'].type
tools[0].function.description|replace('<', '&lt;')
tools is iterable and tools|length > 0
documents
documents is none
add_generation_prompt
bos_token ~ eos_token
bos_token + messages[0]['content']
unk_token is defined
loop is defined
caller is defined
self
'a'|upper|lower|title
('a' ~ 'b')|upper
'a' ~ 'b'|upper
-1|abs
(-1)|abs
1 + -1|abs
[1, 2][0]
{'a': [1]}['a'][0]
'abc'[1]|upper
'abc'.upper()[0]
('a', 'b')[1]
[1, 2, 3][1:]|join
'a b'.split()[0].upper()|lower
namespace(a=[1]).a[0]
[[1, [2, 3]], {'a': (1, {'b': none})}]
'é' < 'f'
'Z' < 'a'
['a', 'B']|sort|join
1 if 'a' in ['a', 'b'] and 2 > 1 else 0
(1, 2) == (1, 2.0)
''
' '
"\n"
u|capitalize
none|upper
[1]|upper
1.0
100000000000000000000.0
1e100
123456.789e3
0.1
3.0
1e-4
0.00001
-0.0
5 // 2 * 2 + 5 % 2
2 + 3 * 4 - 1
(2 + 3) * 4
10 - 3 - 2
2 * 3 % 4
not true or true
true or false and false
1 < 2 and 2 < 3
'a' 'b' ~ 'c'
"\u4e16"
'\N{BULLET}'|length
[x for x in l]
l|sort(attribute='x')
lambda
a b
1 +
'unclosed
[1, 2
{'a'}
{1}
s.format
s|nofilter
''.join(['a'] * 3)
'abc' is in ['abc']
'%s' % (1,)
'%s' % ((1, 2),)
{'a': {'b': {'c': 1}}}.a.b.c
{'a': 1}.items()|list
{'x-y': 1}['x-y']
'tab\tend'
'null' ~ none
true and 'yes' or 'no'
'%5.1f|' % 3.14159
'%-8s|' % 'ab'
'{:<8}|{:>8}|'.format('ab', 'cd')
(1.0)|int
'3'|int + 4
'3' * 3
(l|sort)[0]
l|sort|first
l|map('string')|sort|join('<')
rows|map(attribute='name')|map('upper')|unique|list
rows|selectattr('t')|selectattr('t.k', 'defined')|map(attribute='t.k')|sum
""" .strip("\n").split("\n")

# Templates, apart by lines with `---`.
STATEMENTS = r"""
{% if true %}a{% endif %}
---
{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}
---
{% if 0 %}a{% elif 0 %}b{% else %}c{% endif %}
---
{% if nothing %}a{% else %}b{% endif %}
---
{% if 1, %}a{% endif %}
---
a
{% if true %}
b
{% endif %}
c
---
  {% if true %}
  b
  {% endif %}
  c
---
a  {%- if true -%}  b  {%- endif -%}  c
---
a  {%+ if true +%}
  b  {%+ endif %}
 c
---
a {{- 'b' -}} c
---
a
  {{- 'b' -}}
  c
---
a {#- gone -#} b
---
a
  {# gone #}
b
---
a
{#+ gone +#}
b
---
{{ 'a' }}
{{ 'b' }}

c

---
{% raw %}{{ a }}{% if %}{% endraw %}
---
a
{% raw %}
b{% endraw %}
c
---
a {%- raw -%} b {%- endraw -%} c
---
{%raw%}{% x %}{%endraw%}d
---
{% for x in l %}{{ x }},{% endfor %}
---
{% for x in [] %}a{% else %}none{% endfor %}
---
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}|{% endfor %}
---
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}|{% endfor %}
---
{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
---
{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}
---
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}
---
{% for x in [1, 1, 2] %}{% if loop.changed(x, 'k') %}{{ x }}{% endif %}{% endfor %}
---
{% for x in l if x > 1 %}{{ x }}:{{ loop.index }}/{{ loop.length }} {% endfor %}
---
{% for x in l if x > 9 %}{{ x }}{% else %}no{% endfor %}
---
{% set ns = namespace(found=false) %}{% for x in l if not ns.found %}{{ x }}{% set ns.found = true %}{% endfor %}
---
{% set ns = namespace(n=0) %}{% for x in [1, 2, 3, 4] if ns.n < 2 %}{{ loop.index }}{{ loop.last }}{% set ns.n = ns.n + 1 %}{% endfor %}
---
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
---
{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}
---
{% for k in d %}{{ k }}{% endfor %}
---
{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}
---
{% for a, (b, c) in [[1, [2, 3]], (4, (5, 6))] %}{{ a }}{{ b }}{{ c }};{% endfor %}
---
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
---
{% for a, b in [[1]] %}{{ a }}{% endfor %}
---
{% for a, b in ['xy'] %}{{ a }}{{ b }}{% endfor %}
---
{% for c in u %}{{ c }}.{% endfor %}
---
{% for i in range(3) %}{{ i }}{% endfor %}
---
{% for x in nothing %}a{% else %}b{% endfor %}
---
{% for x in 5 %}a{% endfor %}
---
{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
---
{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
---
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
---
{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor %}
---
{% for x in l %}{% break %}{% endfor %}end
---
{% for x in l %}{% set y %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endset %}{{ y }};{% endfor %}
---
{% for x in l %}{% with y = x %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endwith %}{% endfor %}
---
{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor %}-{% endfor %}
---
{% break %}
---
{% for x in [1, [2, [3]]] recursive %}{% if x is number %}{{ x }}{% else %}({{ loop(x) }}){% endif %}{% endfor %}
---
{% for x in [1, [2, [3]]] recursive %}{{ loop.depth }}{{ loop.depth0 }}{% if x is not number %}[{{ loop(x) }}]{% endif %}{% endfor %}
---
{% for x in [[], [1]] recursive %}{% if x is number %}{{ x }}{% else %}<{{ loop(x) }}>{% endif %}{% else %}empty{% endfor %}
---
{% for x in [[]] recursive %}<{{ loop(x) }}>{% else %}{% for y in [1, 2] recursive %}{{ y }}{% else %}no{% endfor %}behind{% endfor %}
---
{% for x in l %}{{ loop(x) }}{% endfor %}
---
{% for x in l %}{{ loop }}{% endfor %}
---
{% for x in l %}{{ x }}{% endfor %}{{ x }}
---
{% set x = 9 %}{% for x in l %}{{ x }}{% endfor %}{{ x }}
---
{% set x = 9 %}{% for y in l %}{{ x }}{% set x = y %}{{ x }};{% endfor %}{{ x }}
---
{% for y in l %}{% if loop.first %}{% set x = 1 %}{% endif %}{{ x }}.{% endfor %}
---
{% for y in l %}{% set loop = 5 %}{{ loop }}{% endfor %}
---
{% set loop = 5 %}{{ loop }}
---
{% set x = 1 %}{{ x }}
---
{% set x, y = 1, 2 %}{{ x }}{{ y }}
---
{% set x = 1, 2 %}{{ x }}
---
{% set (x, y) = (1, 2) %}{{ x }}{{ y }}
---
{% set x, (y, z) = 1, (2, 3) %}{{ x }}{{ y }}{{ z }}
---
{% set x = y = 1 %}
---
{% set x.y = 1 %}
---
{% set ns = namespace() %}{% set ns.a = 1 %}{% set ns.b, c = 2, 3 %}{{ ns.a }}{{ ns.b }}{{ c }}
---
{% set ns = namespace(a=1) %}{% for x in l %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}
---
{% set ns = namespace() %}{% if true %}{% set ns.x %}captured {{ n }}{% endset %}{% endif %}{{ ns.x }}
---
{% set d.b = 2 %}{{ d.b }}
---
{% set x %}a{{ n }}b{% endset %}{{ x }}{{ x|length }}
---
{% set x | upper %}abc{% endset %}{{ x }}
---
{% set x | replace('a', 'x') | upper %}abc{% endset %}{{ x }}
---
{% set x %}{% set y = 1 %}{% endset %}{{ y }}
---
{% set x %}<{% endset %}{{ x is escaped }}{{ x + '<' }}
---
{% if true %}{% set x = 1 %}{% endif %}{{ x }}
---
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
---
{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}
---
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
---
{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
---
{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}
---
{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}
---
{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m('x') }}
---
{% macro m(a, b=a ~ '!', c=b) %}{{ c }}{% endmacro %}{{ m('x') }}{{ m('x', 'y') }}
---
{% macro m(a) %}[{{ a }}]{{ a is defined }}{% endmacro %}{{ m() }}
---
{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(y='d') %}[{{ y }}]{% endmacro %}{{ a() }}{{ b() }}
---
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}
---
{% macro m(a) %}{{ a }}{{ varargs|join }}{% endmacro %}{{ m(1, 2, 3) }}
---
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
---
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
---
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
---
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(5, *[6]) }}
---
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}
---
{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}
---
{% macro m() %}{% set x = 5 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}
---
{% macro m() %}{{ n }}{{ messages|length }}{% endmacro %}{{ m() }}
---
{% macro m() %}{{ caller() }}!{% endmacro %}{% call m() %}in{% endcall %}
---
{% macro m() %}{{ caller(1, 2) }}!{% endmacro %}{% call(a, b=5) m() %}{{ a }}{{ b }}{{ n }}{% endcall %}
---
{% macro m() %}{{ caller(1) }}!{% endmacro %}{% call(a, b=5) m() %}{{ a }}{{ b }}{% endcall %}
---
{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}{% call m('p') %}{% set y = 1 %}{{ y }}{% endcall %}{{ y }}
---
{% macro m() %}a{% endmacro %}{% call m() %}b{% endcall %}
---
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}
---
{% call s %}b{% endcall %}
---
{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
---
{% set ns = namespace() %}{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m %}{% endfor %}{{ ns.m() }}
---
{% macro m(a) %}{{ a|upper }}{% endmacro %}{{ m('x')|length }}{{ m('x') ~ 'y' }}{{ m('x') is string }}
---
{% macro m(a, b=1) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}
---
{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}
---
{% filter upper %}a{{ 'b' }}c{% endfilter %}
---
{% filter upper|replace('B', 'x') %}abc{% endfilter %}
---
{% filter upper %}{% set x = 1 %}{% endfilter %}{{ x }}
---
{% generation %}a{{ n }}{% endgeneration %}b
---
{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}
---
{% for m in l %}{% generation %}{{ m }}{{ loop.index }}{% endgeneration %}{% endfor %}
---
a
{% generation %}
b
{%- endgeneration %}

c
---
{% set ns = namespace(x=1) %}{% generation %}{% set ns.x = 2 %}{% endgeneration %}{{ ns.x }}
---
{% block b %}in{{ n }}{% endblock %}
---
{% block b %}in{% endblock b %}
---
{% set x = 1 %}{% block b %}{{ x }}{% set x = 2 %}{% endblock %}{{ x }}
---
{% autoescape false %}{{ html }}{% endautoescape %}
---
{% print 1, 'a' %}
---
{% do l %}
---
{% include 'x' %}
---
{% import 'x' as y %}
---
{% from 'x' import y %}
---
{% extends 'x' %}
---
{% unknown %}
---
{% if %}{% endif %}
---
{% if 1 %}
---
{% endif %}
---
{% for x in l %}{% endif %}
---
{% for x l %}{% endfor %}
---
{% else %}
---
{{ }}
---
{{ 1 }
---
{{ 1
---
{% set %}
---
{# open
---
{{ '}}' }}{{ '%}' }}{{ {'a': {'b': 1}} }}
---
{{ {'a': 1}['a'] }}{% set x = {'a': {}} %}{{ x }}
---
}} %} #} { }
---
{ { a } }
---
{% set x=1 -%}   {{ x }}
---
{% if true: %}a{% endif %}
---
{% for x in l: %}{{ x }}{% endfor %}
---
{%- for m in messages %}
    {{- '<|' + m.role + '|>\n' + (m.content or '') + '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}x{% else %}y{% endif %}
---
{%- for message in messages %}
{%- if message.role == 'system' %}
[SYS]{{ message.content }}[/SYS]
{% elif message['role'] == 'user' %}
U: {{ message['content'] | trim }}
{% elif message.tool_calls is defined and message.tool_calls %}
{%- for call in message.tool_calls %}
<call>{{ call.function | tojson }}</call>
{%- endfor %}
{% else %}
A: {{ message.content }}
{% endif %}
{%- endfor %}
---
{% macro schema(p, depth=0) %}{% for k, v in p.items() %}{{ '  ' * depth }}{{ k }}: {% if v is mapping %}
{{ schema(v, depth + 1) }}{% else %}{{ v }}
{% endif %}{% endfor %}{% endmacro %}{{ schema(tools[0].function) }}
---
{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}same{% else %}{{ m.role[0] }}{% endif %}{% endfor %}
---
{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{{ ns.last }}
---
{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ messages[index].role == m.role }}{% endfor %}
---
{% set x = joiner(', ') %}{% for i in l %}{{ x() }}{{ i }}{% endfor %}
---
{% set c = cycler('odd', 'even') %}{% for i in l %}{{ c.next() }}{{ c.current }} {% endfor %}{{ c.reset() }}{{ c.next() }}
---
{% set g = l|map('string') %}{{ g|join }}{{ g|join }}
---
{% set g = l|select %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% else %}gone{% endfor %}
---
{% set g = l|reverse %}{{ g|first }}{{ g|list }}{{ g|list }}
---
{% set g = l|map('string') %}{% for x in g %}{{ x }}{% break %}{% endfor %}{{ g|list }}
---
{% set g = l|map('string') %}{{ g|length }}
---
{% set g = l|map('string') %}{{ '1' in g }}{{ g|list }}
---
{% set r = d.items() %}{{ r|list|length }}{{ r|list|length }}
---
{{ 'a' }}{# c #}{{ 'b' }}
---
{#- a -#}
x
---
{{ "a" -}}

  b
---
x {{+ 1 }}
---
{%- set a = 1 -%}
{%- set b = 2 -%}
{{ a + b }}
---
	{% if 1 %}	a
	{% endif %}	b
---
{% for c in 'ab' %}
{{ c }}
{% endfor %}
---
{% for c in 'ab' %}

{{ c }}
{%- endfor %}
---
{% for i in range(2) -%}
  {{ i }}
{%- endfor +%}
z
---
{{ raise_exception('Conversation roles must alternate') }}
---
{% if false %}{{ raise_exception('no') }}{% endif %}ok
---
{{ messages[0].content.nothing.more }}
---
{% if nothing.x is defined %}a{% endif %}
---
{% if messages[0].nothing is defined %}a{% else %}b{% endif %}
---
{% for t in tools %}{% for name, p in t.function.parameters.properties|dictsort %}{{ name }}: {{ p.type }}{{ ',' if not loop.last }}{% endfor %}{% endfor %}
---
{%- for k, v in tools[0].function.parameters.properties.items() %}{{ loop.index }}{{ k }}{{ v|tojson }}
{% endfor -%}
---
{% set content = messages[4].content %}{% if '</think>' in content %}{% set content = content.split('</think>')|last %}{% endif %}{{ content|trim }}
---
{{ strftime_now("%d %b %Y") }}
---
{% set l2 = l + [4] %}{% set l2 = l2 + [5] %}{{ l2 }}
---
{% set x = dict(d, **{'z': 1}) %}{{ x }}
---
{% set a = [] %}{% set a = a + [[1]] %}{% set a = a + [a] %}{{ a }}
---
{% for x in [none, 0, '', [], {}, false, 0.0, nothing, range(0)] %}{{ 1 if x else 0 }}{% endfor %}
---
{% for x in ['a', 1, [0], {'a': 0}, true, 0.1, range(1), d.keys()] %}{{ 1 if x else 0 }}{% endfor %}
---
{{ loop.index }}
---
{% set x = x|default(5) %}{{ x }}
---
{% set n = n + 1 %}{{ n }}
---
{% macro n() %}m{% endmacro %}{{ n() }}{{ n is callable }}
---
{% set messages = messages[1:] %}{{ messages[0].role }}{{ messages|length }}
---
{% for message in messages %}{% set messages = [] %}{{ loop.index }}{% endfor %}{{ messages|length }}
---
{% if n == 7 and not (m > 0 or f < 2) %}yes{% endif %}
---
{% if n is divisibleby 7 and 'H' in s %}yes{% endif %}
---
{{ 'yes' if n is number and n is not string else 'no' }}
---
{% for a in [1, 2] %}{% for b in [3, 4] if b > a + 1 %}{{ a }}{{ b }}{{ loop.first }} {% endfor %}{% endfor %}
---
{% set x = 1 %}{% macro m(x=x) %}{{ x }}{% endmacro %}{{ m() }}
---
{% for i in [1] %}{% set x = i %}{% endfor %}{{ x is defined }}
---
{% set outer = 'o' %}{% for i in [1, 2] %}{% set outer = outer ~ i %}{{ outer }} {% endfor %}{{ outer }}
---
{% set a %}x{% endset %}{% set b %}{{ a }}{{ a }}{% endset %}{{ b }}
---
{{ [1, 2, 3] | map('string') | map('replace', '2', 'two') | join(' ') }}
---
{% for row in rows|groupby('age') %}{{ row.grouper }}:{% for r in row.list %}{{ r.name }}{% endfor %};{% endfor %}
---
{% for key, items in rows|groupby('age') %}{{ key }}={{ items|map(attribute='name')|join }};{% endfor %}
---
{% for part in l|batch(2, 0) %}{{ part }}{% endfor %}
---
{{ '<|im_start|>' ~ messages[1].role ~ '\n' ~ messages[1].content ~ '<|im_end|>' }}
---
{{- bos_token }}{%- for m in messages -%}{{- m.role|upper -}}{%- endfor -%}
---
{% if tools %}{{ tools | map(attribute='function') | map(attribute='name') | join(', ') }}{% endif %}
---
line one \
line two {{ 'x \
y' }}
---
{{ "tab\there" }} {{ 'quote\'s' }} {{ "dq\"s" }}
""".strip("\n").split("\n---\n")

# What cannot be written on a line of its own.
MORE = [
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\n",
    "a\rb\r{{ 1 }}\r",
    "{{ 'a\r\nb' }}",
    "a\n",
    "a\n\n",
    "\n",
    "",
    "{{ 1 }}\n",
    "{% if true %}a{% endif %}\n",
    "  {% if true %}a{% endif %}  \n  b",
    "a\n{% raw %}\nb{% endraw %}",
    "\t {%- if true %}x{% endif %}\u00a0{%- if true %}y{% endif %}",
    "{% for x in l %}\n  {{- x }}\n{% endfor %}\n",
    "{{ many|indent(2) }}",
    "{{ many|replace('\\r', '') }}",
    "{{ 'a\\\nb' }}",
]


def environment():
    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

        @jinja2.pass_eval_context
        def _render(self, context, caller):
            return caller()

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    # As `datetime.now()`, it has no zone.
    now = datetime.fromtimestamp(NOW, timezone.utc).replace(tzinfo=None)
    env.globals["strftime_now"] = now.strftime
    return env


def prepared(message):
    """Without null fields, and with the reasoning under all its names."""
    message = {key: value for key, value in message.items() if value is not None}
    names = ("reasoning_content", "thinking", "reasoning")
    reasoning = next((message[name] for name in names if message.get(name) is not None), None)
    if reasoning is None:
        return message
    return {"thinking": reasoning, **message, "reasoning_content": reasoning}


def main():
    env = environment()
    templates = ["{{ " + line + " }}" for line in EXPRESSIONS] + STATEMENTS + MORE
    cases = []
    for source in dict.fromkeys(templates):
        try:
            text = env.from_string(source).render(
                messages=[prepared(message) for message in json.loads(json.dumps(MESSAGES))],
                tools=json.loads(json.dumps(TOOLS)), documents=None, add_generation_prompt=False,
                bos_token="<s>", eos_token="</s>", **json.loads(json.dumps(VARIABLES)))
            text.encode()
        except Exception:  # whatever it is, the template fails
            text = None
        if " at 0x" not in (text or ""):
            cases.append([source, text])
    given = {"time": NOW, "messages": MESSAGES, "tools": TOOLS, "variables": VARIABLES}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    whole = f'{{"given": {json.dumps(given, ensure_ascii=False)},\n"cases": [\n{lines}\n]}}\n'
    if "--check" in sys.argv:
        sys.exit(0 if OUT.read_text() == whole else f"{OUT} is not what this script writes")
    OUT.write_text(whole)
    failing = sum(text is None for _, text in cases)
    print(f"{len(cases)} cases, of which {failing} fail in Jinja2")


main()
