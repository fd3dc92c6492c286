"""Routes of the API, one module or package per noun."""
