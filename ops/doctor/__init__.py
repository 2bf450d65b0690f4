"""``python -m ops doctor``: what a stack should be set to, and what is wrong. It reads, and changes nothing.

``account``, ``bucket`` and ``stack`` ask ImageKit and AWS. ``forms`` knows the forms of ImageKit's URLs.
``addresses``, ``mapping``, ``uses``, ``cost``, ``comparison`` and the modules of findings only work on data.
``diagnosis`` puts them together, ``report`` prints the result, and ``command`` is the command line's part.
"""
