import azure.functions as func


def main(req: func.HttpRequest, file: func.Out[bytes]) -> func.HttpResponse:
    file.set(req.get_body())
    return func.HttpResponse(status_code=201)
