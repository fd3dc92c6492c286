"""JSON form of what both API answers and webhook events show."""
