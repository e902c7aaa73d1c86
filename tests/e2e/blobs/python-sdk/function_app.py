import logging
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob

app = func.FunctionApp()


@app.blob_trigger(arg_name="client", path="clients/{name}", connection="AzureWebJobsStorage")
def on_client(client: blob.BlobClient):
    content = client.download_blob().readall()
    logging.info("client of %s/%s: %s", client.container_name, client.blob_name, content.decode())


@app.blob_trigger(arg_name="stream", path="streams/{name}", connection="AzureWebJobsStorage")
@app.blob_input(arg_name="container", path="clients", connection="AzureWebJobsStorage")
def on_stream(stream: blob.StorageStreamDownloader, container: blob.ContainerClient):
    names = [found.name for found in container.list_blobs()]
    content = stream.readall().decode()
    logging.info("stream of %s beside %s", content, names)
