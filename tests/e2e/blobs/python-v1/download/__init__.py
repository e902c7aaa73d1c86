import azure.functions as func


def main(req: func.HttpRequest, file: func.InputStream) -> func.HttpResponse:
    if file is None:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(file.read(), mimetype="application/octet-stream")
