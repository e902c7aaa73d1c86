import logging

import azure.functions as func


def main(file: func.InputStream, copied: func.Out[func.InputStream]):
    content = file.read()
    is_bytes = "true" if isinstance(content, bytes) and file.length == len(content) else "false"
    logging.info("copied %s %s %d", file.name, is_bytes, len(content))
    copied.set(content)
