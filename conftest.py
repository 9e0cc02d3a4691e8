"""Import the package whole first: `rushlight.tensor` is a function and a subpackage, and pytest,
when it imports the subpackage alone for its doctests, would put it in the function's place."""

import rushlight  # noqa: F401
