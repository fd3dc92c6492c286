"""HTTP of the API, for every route: envelope, errors, request bodies, pagination, OpenAPI, middleware."""
