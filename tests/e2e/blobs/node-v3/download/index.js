module.exports = async function (context, req, file) {
    context.res = file === undefined ? { status: 404 } : { body: file, headers: { 'content-type': 'application/octet-stream' } };
};
