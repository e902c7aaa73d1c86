"""The function as the functions framework wants it."""

import functions_framework


@functions_framework.http
def hello(request):
    return "hello"
