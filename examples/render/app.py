"""render: Markdown as HTML, and text as a QR code."""

import io
from typing import Literal

import segno
from markdown_it import MarkdownIt

from hatchway.sdk import ToolError, tool

MAX_TEXT = 500_000
MAX_CODE = 2000

# CommonMark, with the tables and strikethrough of GitHub. Markup of HTML is shown as text, and a
# link that would run a script is none.
READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

PAGE = """<!doctype html>
<html>
<head><meta charset="utf-8"></head>
<body>
{}</body>
</html>
"""


@tool(
    purpose="Turn Markdown into HTML",
    title="Markdown to HTML",
    read_only=True,
    idempotent=True,
)
def markdown(text: str, whole_page: bool = False) -> str:
    """Turn Markdown (CommonMark, tables, strikethrough) into HTML.

    HTML in the text is shown and not used, and links to scripts are left as text, so the result
    can be put into a page.

    Args:
        text: The Markdown.
        whole_page: Whether to give a page, and not only what stands in its body.
    """
    if len(text) > MAX_TEXT:
        raise ToolError(f"at most {MAX_TEXT} characters are taken, got {len(text)}")
    body = READER.render(text)
    return PAGE.format(body) if whole_page else body


@tool(
    purpose="Make a QR code",
    title="QR code",
    read_only=True,
    idempotent=True,
)
def qr(text: str, correction: Literal["low", "medium", "quartile", "high"] = "medium") -> str:
    """Make a QR code of a text, for example of a link, as an SVG image.

    Args:
        text: What the code says; at most 2000 bytes of UTF-8.
        correction: How much of the code may be lost: 7, 15, 25 or 30 per cent.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MAX_CODE:
        raise ToolError(f"expected 1 to {MAX_CODE} bytes of text, got {size}")
    try:
        code = segno.make_qr(text, error=correction[0], boost_error=False)
    except (segno.DataOverflowError, UnicodeEncodeError) as error:
        raise ToolError(f"the text does not fit into a QR code: {error}") from error
    file = io.BytesIO()
    code.save(file, kind="svg", scale=8, light="#fff", xmldecl=False, nl=False)
    return file.getvalue().decode()
