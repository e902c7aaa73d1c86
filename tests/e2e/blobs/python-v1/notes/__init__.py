import json
import logging

import azure.functions as func


def main(file: func.InputStream, extra: str, missing: str):
    a, b = file.name[len("notes/"):-len(".txt")].rsplit("-", 1)
    length = file.blob_properties["ContentLength"]
    noted = [file.read().decode(), extra, missing or None, a, b, length, "object" if file.metadata == {} else "?"]
    logging.info("noted %s %s", json.dumps(noted, separators=(",", ":"), ensure_ascii=False), file.uri)
