import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.smtp.plain_text import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ('<a href="https://example.com/x">See</a> it', "See (https://example.com/x) it"),
        ('<a href="https://example.com">https://example.com</a>', "https://example.com"),
        ('<a href="javascript:x()">Go</a>', "Go"),
        ("<style>p{}</style><script>x<1</script><title>T</title>Hola", "Hola"),
        ("3 &lt; 4 &amp;&nbsp;5 &euro;", "3 < 4 & 5 €"),
        ('<img src="x" alt="Logo">', "Logo"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<div>a</div>\n<div>b<div>c</div></div>", "a\nb\nc"),
        ("a<b>b</b> <i>c</i> d", "ab c d"),
        ("  much \n\n  space ", "much space"),
        ("<p>never <b>closed", "never closed"),
        ("<!DOCTYPE html><html><head><title>T</title></head><body>a<!-- b --> c</body></html>", "a c"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->all", "all"),
        ("1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"),
        ("<A HREF='https://example.com/?a=1&amp;b=2'>See</A>", "See (https://example.com/?a=1&b=2)"),
        ("<a title=href href=https://example.com>See</a>", "See (https://example.com)"),
        ("&#" + "9" * 5000 + "; &#x" + "f" * 5000, "\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_html_reads_as_plain_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "html",
    ["<", "<a", "<!--", "<a x='", "</", "<![CDATA[", "<?", "<script>", "<a href=x>", "&#1", "&lt", "href=", "<p>x"],
)
def test_html_of_any_kind_is_read_in_little_time(html: str) -> None:
    started = time.process_time()
    html_to_text(html * (200_000 // len(html)))
    assert time.process_time() - started < 3


@given(html=st.text(alphabet="<>/!-a='\"& \n#x;pbr", max_size=200))
def test_html_of_any_kind_is_read(html: str) -> None:
    html_to_text(html)
