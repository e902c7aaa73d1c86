import azure.functions as func


def main(file: func.InputStream):
    raise ValueError("never works")
