module.exports = async (context) => {
    context.res = { body: Buffer.from([1, 2, 250]), headers: { 'content-type': 'application/octet-stream' }, isRaw: true };
};
