"""Names that would break a page, a table or a spreadsheet that took them as they are."""

HOSTILE = (
    "<script>alert(1)</script>",
    "[red]a[/red] \x1b[31mred",
    "a|b`c``d",
    "@everyone <img src=x onerror=alert(1)>",
    "evil\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\n# title",
)
